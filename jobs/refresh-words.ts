import { defineFollowUp } from '../src/queue/define-job.ts';

/** Take the words of products for search anew. */
export const refreshWords = defineFollowUp({
  name: 'refresh-words',
  queue: 'aggregates',
  kind: 'words',
  delayMs: 0,
});
