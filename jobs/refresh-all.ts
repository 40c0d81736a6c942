import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Make every user's list anew. */
export const refreshAll = defineJob({
  name: 'refresh-all',
  queue: 'training',
  payload: z.strictObject({
    /** Only when what lists are made with has changed since they were: another model, or much more in the index. */
    ifStale: z.boolean().optional(),
  }),
  // It is asked for again every few seconds.
  options: { keepFailed: false },
});
