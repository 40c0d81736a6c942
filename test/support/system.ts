import { onTestFinished } from 'vitest';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { deploySystem } from './deploy.ts';

/**
 * The system as it is deployed: servers of its own that may be killed, and API, worker and scheduler as processes.
 * Ends with the test.
 */
export const startSystem = async (env: Record<string, string> = {}) => {
  const system = await deploySystem({ env });
  onTestFinished(() => system.stop(), 60_000);
  // Only now: while the servers came up, another test could have taken it.
  const PORT = env.PORT ?? String(await findFreePort());
  const processes = {
    api: await system.startProcess('api', { PORT }),
    worker: await system.startProcess('worker'),
    scheduler: await system.startProcess('scheduler'),
  };
  return { ...system, url: `http://127.0.0.1:${PORT}`, processes };
};

export type RunningSystem = Awaited<ReturnType<typeof startSystem>>;
