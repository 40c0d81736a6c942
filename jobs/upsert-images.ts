import { z } from 'zod';
import { text, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

const named = { product_id: uuid, image_id: uuid };
const pixels = z.int().min(1).max(2_147_483_647).nullish();

/** Write and delete images of products. Their addresses are kept, never fetched. */
export const upsertImages = defineEventJob({
  name: 'upsert-images',
  queue: 'catalog',
  type: 'image',
  ops: {
    put: {
      event: z.strictObject({
        ...named,
        s3_key: text(2_000),
        cdn_url: text(2_000).nullish(),
        width: pixels,
        height: pixels,
        format: text(50).nullish(),
        variant: text(100).nullish(),
        alt_text: text(1_000).nullish(),
        is_primary: z.boolean().nullish(),
      }),
    },
    delete: { event: z.strictObject(named) },
  },
});
