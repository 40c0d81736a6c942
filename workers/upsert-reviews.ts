import { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { refreshRatings } from '../jobs/refresh-ratings.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { refreshVerifiedPurchases } from '../jobs/refresh-verified-purchases.ts';
import { upsertReviews } from '../jobs/upsert-reviews.ts';
import { applyReviews } from '../src/db/reviews.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpsertReviews = applyEvents(upsertReviews, {
  apply: applyReviews,
  wakes: [refreshUsers, refreshRatings, refreshHelpfulCounts, refreshVerifiedPurchases],
});
