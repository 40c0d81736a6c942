import { defineFollowUp } from '../src/queue/define-job.ts';

/** Make the lists of similar products anew for those with a new vector and those around them. */
export const refreshSimilar = defineFollowUp({
  name: 'refresh-similar',
  // Not among those that train: a model that takes minutes would hold up what was edited.
  queue: 'aggregates',
  kind: 'similar',
  // Of several generations published in a row the last is enough.
  delayMs: 100,
});
