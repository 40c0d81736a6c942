import { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { refreshRatings } from '../jobs/refresh-ratings.ts';
import { refreshVerifiedPurchases } from '../jobs/refresh-verified-purchases.ts';
import { upsertReviews } from '../jobs/upsert-reviews.ts';
import { applyReviews } from '../src/db/reviews.ts';
import { applyEvents } from '../src/queue/apply-events.ts';
import { reviewId } from '../src/review-id.ts';

export const handleUpsertReviews = applyEvents(upsertReviews, {
  apply: applyReviews,
  wakes: [refreshRatings, refreshHelpfulCounts, refreshVerifiedPurchases],
  frees: ({ user_id, product_id }) => [`review:${reviewId(user_id as string, product_id as string)}`],
});
