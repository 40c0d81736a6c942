import { defineFollowUp } from '../src/queue/define-job.ts';

/** Recount the ratings of products whose reviews changed. */
export const refreshRatings = defineFollowUp({
  name: 'refresh-ratings',
  queue: 'aggregates',
  kind: 'rating',
  delayMs: 0,
});
