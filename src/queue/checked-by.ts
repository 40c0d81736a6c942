import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';

const base = join(import.meta.dirname, '../..');
const extension = extname(import.meta.filename);

/** Declarations of events, what they are made of, and the door that holds callers to them. */
const sources = [
  ...readdirSync(join(base, 'jobs'))
    .filter((name) => extname(name) === extension && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => `jobs/${name}`),
  ...['fields', 'review-id', 'validate', 'queue/define-job', 'api/door'].map(
    (name) => `src/${name}${extension}`,
  ),
];

/**
 * Names the code that checks events, all of it. What a process has checked at its door, one with the same name need not
 * check again; any other may have been another version.
 */
export const checkedBy: string = sources
  .reduce(
    (hash, source) => hash.update(readFileSync(join(base, source))),
    createHash('sha256').update(createRequire(import.meta.url)('zod/package.json').version),
  )
  .digest('base64url')
  .slice(0, 16);
