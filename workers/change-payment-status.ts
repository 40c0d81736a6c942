import { changePaymentStatus } from '../jobs/change-payment-status.ts';
import { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { refreshVerifiedPurchases } from '../jobs/refresh-verified-purchases.ts';
import { applyPaymentStatuses } from '../src/db/purchases.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleChangePaymentStatus = applyEvents(changePaymentStatus, {
  apply: applyPaymentStatuses,
  wakes: [refreshUsers, refreshPopularity, refreshVerifiedPurchases],
});
