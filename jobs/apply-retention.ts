import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Remove what is past its configured age. */
export const applyRetention = defineJob({
  name: 'apply-retention',
  queue: 'upkeep',
  payload: z.strictObject({}),
});
