import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';

const base = join(import.meta.dirname, '../..');
const extension = extname(import.meta.filename);

/** Declarations of events, what they are made of, the door that holds callers to them, and how they go through a queue. */
const sources = [
  ...readdirSync(join(base, 'jobs'))
    .filter((name) => extname(name) === extension && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => `jobs/${name}`),
  ...[
    ...['fields', 'review-id', 'validate', 'queue/define-job', 'api/door', 'api/event-id', 'api/fresh-id'],
    ...['queue/event-columns', 'queue/payload-hash', 'db/array-types'],
  ].map((name) => `src/${name}${extension}`),
];

/** Names the code that checks events, all of it. */
const checkedBy = sources
  .reduce(
    (hash, source) => hash.update(readFileSync(join(base, source))),
    createHash('sha256').update(createRequire(import.meta.url)('zod/package.json').version),
  )
  .digest('hex')
  .slice(0, 12);

/**
 * A new id for a job whose events have all been let in by the door of this process. It says by what code; a field of the
 * payload would be refused by workers of before.
 */
export const checkedJobId = (): string => `${uuidv7()}-${checkedBy}`;

/** Whether the events of a job were let in by the same code as this process', so that they need no further check. */
export const isChecked = (jobId: string): boolean => jobId.endsWith(`-${checkedBy}`);
