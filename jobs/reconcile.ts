import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Compare every aggregate with a full recount, put right what differs, and report it. */
export const reconcile = defineJob({
  name: 'reconcile',
  queue: 'upkeep',
  payload: z.strictObject({}),
});
