import { moderateReview } from '../jobs/moderate-review.ts';
import { refreshRatings } from '../jobs/refresh-ratings.ts';
import { applyModeration } from '../src/db/reviews.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleModerateReview = applyEvents(moderateReview, {
  apply: applyModeration,
  wakes: [refreshRatings],
});
