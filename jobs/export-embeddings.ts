import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Write all vectors into one file, `product_embeddings.npy`, when they have changed since. */
export const exportEmbeddings = defineJob({
  name: 'export-embeddings',
  queue: 'shards',
  payload: z.strictObject({
    /** Only where the file is small enough to be written every minute. */
    small: z.boolean().optional(),
  }),
  options: { keepFailed: false },
});
