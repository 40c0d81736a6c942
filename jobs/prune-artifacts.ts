import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Remove files that nothing has pointed to for a while, and vectors of models that were replaced. */
export const pruneArtifacts = defineJob({
  name: 'prune-artifacts',
  queue: 'upkeep',
  payload: z.strictObject({}),
  options: { keepFailed: false },
});
