import type { refreshVerifiedPurchases } from '../jobs/refresh-verified-purchases.ts';
import { refreshReviewVerifiedPurchases } from '../src/db/aggregates.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshVerifiedPurchases: Handler<typeof refreshVerifiedPurchases> = followUp(
  'verified',
  (keys, { db }) => refreshReviewVerifiedPurchases(db, keys),
);
