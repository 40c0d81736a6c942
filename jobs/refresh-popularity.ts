import { defineFollowUp } from '../src/queue/define-job.ts';

/** Recount the popularity of products that something happened to. */
export const refreshPopularity = defineFollowUp({
  name: 'refresh-popularity',
  queue: 'aggregates',
  kind: 'popularity',
  // A shop's favourites change over hours; a product that is clicked all the time need not be recounted each time.
  delayMs: 5_000,
});
