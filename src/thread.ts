import { join } from 'node:path';
import { projectRoot } from './config.ts';

/**
 * The compiled file of a thread's entry point, `src/vectors/index-thread.ts` for instance. Threads run from `dist/` also
 * where the process runs from TypeScript, as the tests do: Node itself compiles nothing.
 */
export const threadFile = (source: string): string =>
  join(projectRoot, 'dist', source.replace(/\.ts$/, '.js'));
