import { z } from 'zod';
import { instant, jsonObject, uuid } from '../src/fields.ts';
import { defineJob } from '../src/queue/define-job.ts';

/** One answer of the recommendations route. */
export const loggedAnswer = z.strictObject({
  user_id: uuid,
  session_id: uuid.optional(),
  products: z.array(uuid).max(100),
  returned_at: instant,
  context: jsonObject,
  experiment: z.strictObject({ test_name: z.string(), run: z.int(), cohort: z.string() }).optional(),
});

/** Write what was recommended to whom into `recommendation_logs`. */
export const logRecommendations = defineJob({
  name: 'log-recommendations',
  queue: 'audit',
  // The answers are checked by the handler: the requests that make them must not wait for that.
  payload: z.strictObject({ batch: z.uuid(), answers: z.array(z.unknown()).min(1) }),
  // A log is no event: one that cannot be written is given up, and holds nobody's traces.
  options: { keepFailed: false },
});
