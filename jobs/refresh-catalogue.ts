import { defineFollowUp } from '../src/queue/define-job.ts';

/** Tell every reader what products and categories are like by now. */
export const refreshCatalogue = defineFollowUp({
  name: 'refresh-catalogue',
  queue: 'aggregates',
  kind: 'catalogue',
  // A hidden product is to be gone at the next read.
  delayMs: 0,
});
