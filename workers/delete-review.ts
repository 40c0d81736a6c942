import { deleteReview } from '../jobs/delete-review.ts';
import { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { refreshRatings } from '../jobs/refresh-ratings.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { applyReviewDeletions } from '../src/db/reviews.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleDeleteReview = applyEvents(deleteReview, {
  apply: applyReviewDeletions,
  wakes: [refreshUsers, refreshRatings, refreshHelpfulCounts],
});
