import type { refreshRatings } from '../jobs/refresh-ratings.ts';
import { refreshProductRatings } from '../src/db/aggregates.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshRatings: Handler<typeof refreshRatings> = followUp('rating', (keys, { db }) =>
  refreshProductRatings(db, keys),
);
