import { z } from 'zod';
import { decimal, jsonObject, text, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';
import { slug } from './upsert-categories.ts';

const notNegative = (value: string) => !value.startsWith('-');

const fields = {
  sku: text(100).nullish(),
  name: text(500),
  short_description: text(2_000).nullish(),
  long_description: text(50_000).nullish(),
  category_id: z.int().min(1).max(2_147_483_647).nullish(),
  category_slug: slug.nullish(),
  tags: z.array(text(100)).max(100).nullish(),
  price: decimal(10, 2).refine(notNegative, 'must not be negative').nullish(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code')
    .nullish(),
  brand: text(200).nullish(),
  available: z.boolean().optional(),
  metadata_json: jsonObject.nullish(),
  discount_percent: decimal(5, 2)
    .refine((value) => notNegative(value) && Number(value) <= 100, 'must lie within 0 and 100')
    .nullish(),
};

/** Write products: `put` replaces, `patch` edits what it names, `delete` hides. */
export const upsertProducts = defineEventJob({
  name: 'upsert-products',
  queue: 'catalog',
  type: 'product',
  ops: {
    put: { event: z.strictObject({ product_id: uuid, ...fields }) },
    patch: { event: z.strictObject({ product_id: uuid, ...fields, name: fields.name.optional() }) },
    delete: { event: z.strictObject({ product_id: uuid }) },
  },
  judge: ({ category_id, category_slug }) =>
    category_id != null && category_slug != null
      ? { path: '/category_id', message: 'and category_slug cannot both be given' }
      : undefined,
});
