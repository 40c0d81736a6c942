import { mergeUsers } from '../jobs/merge-users.ts';
import { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { refreshRatings } from '../jobs/refresh-ratings.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { refreshVerifiedPurchases } from '../jobs/refresh-verified-purchases.ts';
import { applyMerges } from '../src/db/people.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleMergeUsers = applyEvents(mergeUsers, {
  apply: applyMerges,
  batchSize: 1,
  wakes: [refreshUsers, refreshRatings, refreshHelpfulCounts, refreshVerifiedPurchases],
});
