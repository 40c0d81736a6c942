import { defineFollowUp } from '../src/queue/define-job.ts';

/** Recount the helpful votes of reviews whose votes changed. */
export const refreshHelpfulCounts = defineFollowUp({
  name: 'refresh-helpful-counts',
  queue: 'aggregates',
  kind: 'helpful',
  delayMs: 0,
});
