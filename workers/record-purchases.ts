import { recordPurchases } from '../jobs/record-purchases.ts';
import { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { refreshVerifiedPurchases } from '../jobs/refresh-verified-purchases.ts';
import { applyPurchases } from '../src/db/purchases.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleRecordPurchases = applyEvents(recordPurchases, {
  apply: applyPurchases,
  wakes: [refreshUsers, refreshPopularity, refreshVerifiedPurchases],
});
