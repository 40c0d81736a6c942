import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineJob } from '../src/queue/define-job.ts';

/** Make lists for users who were answered without one. Losing it costs nothing: whoever reads next asks again. */
export const requestLists = defineJob({
  name: 'request-lists',
  queue: 'recommendations',
  payload: z.strictObject({ user_ids: z.array(uuid).min(1).max(200) }),
  options: { keepFailed: false },
});
