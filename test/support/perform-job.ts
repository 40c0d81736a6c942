import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import type { Parts } from '../../src/parts.ts';
import type { Job } from '../../src/queue/define-job.ts';
import type { Handler } from '../../src/queue/handler.ts';

/** Run a handler as a worker would: the payload goes through JSON and its schema, as in production. */
export const performJob = async <J extends Job>(
  job: J,
  handler: Handler<J>,
  payload: z.input<J['payload']>,
  parts: Parts,
  {
    attempt = 1,
    starts = attempt,
    jobId = uuidv7(),
    signal = new AbortController().signal,
  }: { attempt?: number; starts?: number; jobId?: string; signal?: AbortSignal } = {},
): Promise<void> => {
  const stored = job.payload.parse(JSON.parse(JSON.stringify(payload))) as z.output<J['payload']>;
  await handler(stored, parts, { jobId, attempt, starts, log: parts.log, signal });
};
