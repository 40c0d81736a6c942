import { defineFollowUp } from '../src/queue/define-job.ts';

/** Turn the texts of products that changed into vectors. */
export const embedProducts = defineFollowUp({
  name: 'embed-products',
  queue: 'embeddings',
  kind: 'embedding',
  delayMs: 50,
});
