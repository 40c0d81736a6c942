import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Approve a review or take the approval back: only approved ones count for a product's rating. */
export const moderateReview = defineEventJob({
  name: 'moderate-review',
  queue: 'reviews',
  type: 'review',
  op: 'patch',
  scope: 'admin',
  event: z.strictObject({ review_id: uuid, is_approved: z.boolean() }),
});
