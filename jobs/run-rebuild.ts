import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** What can be made anew, by the name that callers use. */
export const rebuildTargets = ['embeddings', 'index', 'model', 'recommendations'] as const;

export type RebuildTargetName = (typeof rebuildTargets)[number];

/** Work on what operators asked to be made anew; what that is stands in PostgreSQL. */
export const runRebuild = defineJob({
  name: 'run-rebuild',
  queue: 'upkeep',
  payload: z.strictObject({}),
  options: { keepFailed: false },
});
