import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Delete a review and its votes. */
export const deleteReview = defineEventJob({
  name: 'delete-review',
  queue: 'reviews',
  type: 'review',
  op: 'delete',
  event: z.strictObject({ review_id: uuid }),
});
