import type { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { refreshReviewHelpfulCounts } from '../src/db/aggregates.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshHelpfulCounts: Handler<typeof refreshHelpfulCounts> = followUp(
  'helpful',
  (keys, { db }) => refreshReviewHelpfulCounts(db, keys),
);
