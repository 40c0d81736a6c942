import { eraseUser } from '../jobs/erase-user.ts';
import { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { refreshRatings } from '../jobs/refresh-ratings.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { applyErasures } from '../src/db/people.ts';
import { applyEvents } from '../src/queue/apply-events.ts';
import { forgetInQueues } from '../src/queue/forget.ts';

export const handleEraseUser = applyEvents(eraseUser, {
  apply: applyErasures,
  batchSize: 1,
  wakes: [refreshUsers, refreshRatings, refreshHelpfulCounts, refreshPopularity],
  afterwards: (context) => forgetInQueues(context),
});
