import { z } from 'zod';
import { slug } from '../../jobs/upsert-categories.ts';
import { findProduct, listCategories, listProductReviews } from '../db/catalog-reads.ts';
import { listPopular, listPopularIn } from '../db/popular-reads.ts';
import { instant, uuid } from '../fields.ts';
import { cursor, limit } from './cursor.ts';
import { freshId } from './fresh-id.ts';
import { cutPage, expand, listItem, listSize, pageOf } from './lists.ts';
import { invalid, Problem } from './problem.ts';
import { defineRoute } from './route.ts';

const time = z.iso.datetime();
const amount = z.string().nullable().meta({ description: 'Exact decimal.' });
const noProduct = { description: 'There is no such product.' };

const product = z
  .object({
    product_id: z.uuid(),
    sku: z.string().nullable(),
    name: z.string(),
    short_description: z.string().nullable(),
    long_description: z.string().nullable(),
    category_id: z.int().nullable(),
    category_slug: z.string().nullable(),
    category_name: z.string().nullable(),
    tags: z.array(z.string()).nullable(),
    price: amount,
    currency: z.string().nullable(),
    brand: z.string().nullable(),
    available: z.boolean(),
    metadata_json: z.unknown(),
    rating: z.string().meta({ description: 'Mean of the approved reviews, one decimal; "0.0" without any.' }),
    discount_percent: z.string(),
    review_count: z.int().meta({ description: 'Approved ones.' }),
    images: z.array(
      z.object({
        image_id: z.uuid(),
        s3_key: z.string(),
        cdn_url: z.string().nullable(),
        width: z.int().nullable(),
        height: z.int().nullable(),
        format: z.string().nullable(),
        variant: z.string().nullable(),
        alt_text: z.string().nullable(),
        is_primary: z.boolean(),
        created_at: time.nullable(),
      }),
    ),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Product' });

/** `GET /v1/products/:product_id` */
export const getProduct = defineRoute({
  method: 'get',
  path: '/v1/products/:product_id',
  scope: 'read',
  summary: 'A product, hidden ones included, with its category and images (the primary one first).',
  params: z.object({ product_id: uuid }),
  responses: { 200: { description: 'It.', schema: product }, 404: noProduct },
  async handler({ params: { product_id } }, { db }) {
    const found = await findProduct(db, product_id);
    if (!found) throw new Problem(404, noProduct.description);
    return { json: found };
  },
});

const sorts = z.enum(['helpful', 'newest', 'rating']);

const review = z
  .object({
    review_id: z.uuid(),
    user_id: z.uuid(),
    rating: z.int(),
    title: z.string().nullable(),
    comment: z.string().nullable(),
    verified_purchase: z.boolean(),
    helpful_count: z.int(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Review' });

/** `GET /v1/products/:product_id/reviews` */
export const getProductReviews = defineRoute({
  method: 'get',
  path: '/v1/products/:product_id/reviews',
  scope: 'read',
  summary: "A product's approved reviews.",
  description: '`helpful`: most votes first. `rating`: best first. The newer of equals comes first.',
  params: z.object({ product_id: uuid }),
  query: z.strictObject({
    sort: sorts.default('helpful'),
    limit: limit(100, 20),
    cursor: cursor(z.tuple([sorts, z.int(), instant, uuid])).optional(),
  }),
  responses: {
    200: { description: 'A page.', schema: pageOf(review).extend({ product_id: z.uuid() }) },
    404: noProduct,
  },
  async handler({ params: { product_id }, query: { sort, limit: size, cursor: position } }, { db }) {
    if (position && position[0] !== sort) {
      throw invalid([{ path: '/cursor', message: `is of a list sorted by ${position[0]}` }]);
    }
    const after = position && { place: position[1], created_at: position[2], review_id: position[3] };
    const rows = await listProductReviews(db, { productId: product_id, order: sort, after, limit: size + 1 });
    if (!rows) throw new Problem(404, noProduct.description);
    const { page, next_cursor } = cutPage(rows, size, ({ place, created_at, review_id }) => [
      sort,
      place,
      created_at,
      review_id,
    ]);
    return { json: { product_id, items: page.map(({ place: _, ...item }) => item), next_cursor } };
  },
});

/** `GET /v1/categories` */
export const getCategories = defineRoute({
  method: 'get',
  path: '/v1/categories',
  scope: 'read',
  summary: 'Every category; `parent_slug` makes a tree of them.',
  responses: {
    200: {
      description: 'By slug.',
      schema: z.object({
        items: z.array(
          z.object({
            category_id: z.int(),
            slug: z.string(),
            name: z.string(),
            parent_slug: z.string().nullable(),
          }),
        ),
      }),
    },
  },
  handler: async (_, { db }) => ({ json: { items: await listCategories(db) } }),
});

const reasons = { '1d': 'popular today', '7d': 'popular this week', '30d': 'popular this month' } as const;

/** `GET /v1/popular` */
export const getPopular = defineRoute({
  method: 'get',
  path: '/v1/popular',
  scope: 'read',
  summary: 'What is popular now, of what can be bought.',
  description:
    'The score is the number of events, weighted by type, each counting half as much for every `window` it is old. Products that nothing happened to are not listed.',
  query: z.strictObject({
    category: slug.optional().meta({ description: 'Slug; what lies below it is included.' }),
    k: listSize,
    window: z.enum(['1d', '7d', '30d']).default('7d'),
    expand,
  }),
  responses: {
    200: {
      description: 'Best first.',
      schema: z.object({
        request_id: z.uuid(),
        window: z.enum(['1d', '7d', '30d']),
        category: z.string().nullable(),
        items: z.array(listItem),
      }),
    },
    404: { description: 'There is no such category.' },
  },
  async handler({ query: { category, k, window, expand: expanded } }, { db }) {
    const wanted = { window, limit: k, expand: expanded === 'product' };
    const rows =
      category === undefined
        ? await listPopular(db, wanted)
        : await listPopularIn(db, { ...wanted, category });
    if (!rows) throw new Problem(404, 'There is no such category.');
    return {
      json: {
        request_id: freshId(),
        window,
        category: category ?? null,
        items: rows.map(({ product_id, score, product: card }, at) => ({
          rank: at + 1,
          product_id,
          score,
          source: 'popular',
          reason: reasons[window],
          ...(card && { product: card }),
        })),
      },
    };
  },
});
