import { z } from 'zod';
import { text } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

export const slug = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be lower-case words joined by hyphens')
  .max(200);

/** Write categories, which form a tree. */
export const upsertCategories = defineEventJob({
  name: 'upsert-categories',
  queue: 'catalog',
  type: 'category',
  event: z.strictObject({ slug, name: text(200), parent_slug: slug.nullish() }),
  judge: ({ slug: own, parent_slug }) =>
    own === parent_slug ? { path: '/parent_slug', message: 'must be another category' } : undefined,
});
