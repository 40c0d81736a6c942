import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Find what a crash or a lost wake-up left behind: waiting events that can go, or waited too long; stale keys. */
export const sweep = defineJob({
  name: 'sweep',
  queue: 'upkeep',
  payload: z.strictObject({}),
  // The next one comes in seconds anyway.
  options: { attempts: 1, keepFailed: false },
});
