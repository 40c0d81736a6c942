import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Build one base shard of a model's index from its vectors. It is published by publish-index. */
export const buildShard = defineJob({
  name: 'build-shard',
  queue: 'shards',
  payload: z.strictObject({ model: z.string(), shards: z.int().min(1), shard: z.int().min(0) }),
  jobId: ({ model, shards, shard }) => `build-shard-${model}-${shard}-of-${shards}`,
  // Its id must be free again: publish-index asks for what is missing.
  options: { keepFailed: false },
});
