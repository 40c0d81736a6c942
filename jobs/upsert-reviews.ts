import { z } from 'zod';
import { instant, text, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';
import { reviewId } from '../src/review-id.ts';

/** Write reviews, one per person and product. */
export const upsertReviews = defineEventJob({
  name: 'upsert-reviews',
  queue: 'reviews',
  type: 'review',
  op: 'put',
  time: 'created_at',
  event: z.strictObject({
    user_id: uuid,
    product_id: uuid,
    rating: z.int().min(1).max(5),
    title: text(500).optional(),
    comment: text(20_000).optional(),
    created_at: instant.optional(),
  }),
  echo: { review_ids: ({ user_id, product_id }) => reviewId(user_id as string, product_id as string) },
});
