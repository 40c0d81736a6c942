import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineJob } from '../src/queue/define-job.ts';

/** Record in `ab_tests` which cohort users are in. */
export const assignCohorts = defineJob({
  name: 'assign-cohorts',
  queue: 'users',
  payload: z.strictObject({
    assignments: z
      .array(z.strictObject({ test_name: z.string(), run: z.int(), user_id: uuid, cohort: z.string() }))
      .min(1),
  }),
  // A user's next answer asks again.
  options: { keepFailed: false },
});
