import { defineFollowUp } from '../src/queue/define-job.ts';

/** Look again whether reviews are by buyers, where a review or a purchase changed. */
export const refreshVerifiedPurchases = defineFollowUp({
  name: 'refresh-verified-purchases',
  queue: 'aggregates',
  kind: 'verified',
  delayMs: 0,
});
