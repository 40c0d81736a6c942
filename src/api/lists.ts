import { z } from 'zod';
import { encodeCursor } from './cursor.ts';

/** A page of a list: `items`, and where the next one begins. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'Null on the last page.' }),
  });

/** Of one row more than asked for, the page; the row too many tells that there is a next one. */
export const cutPage = <Row>(
  rows: readonly Row[],
  size: number,
  placeOf: (last: Row) => readonly (string | number)[],
): { page: readonly Row[]; next_cursor: string | null } => {
  const page = rows.slice(0, size);
  const last = rows.length > size ? page.at(-1) : undefined;
  return { page, next_cursor: last === undefined ? null : encodeCursor(placeOf(last)) };
};

/** What lists show of a product under `expand=product`. */
const productCard = z
  .object({
    product_id: z.uuid(),
    sku: z.string().nullable(),
    name: z.string(),
    short_description: z.string().nullable(),
    category_slug: z.string().nullable(),
    brand: z.string().nullable(),
    price: z.string().nullable().meta({ description: 'Exact decimal.' }),
    currency: z.string().nullable(),
    discount_percent: z.string().nullable(),
    rating: z.string().nullable(),
    available: z.boolean(),
    image_url: z.string().nullable().meta({ description: '`cdn_url` of the primary image.' }),
  })
  .meta({ id: 'ProductCard' });

/** A list of products: popular ones, recommendations, search results. */
export const listItem = z
  .object({
    rank: z.int().min(1),
    product_id: z.uuid(),
    score: z.number(),
    source: z.string(),
    reason: z.string(),
    product: productCard.optional().meta({ description: 'With `expand=product`.' }),
  })
  .meta({ id: 'ListItem' });

/** `expand` of the calls that answer lists. */
export const expand = z.enum(['product']).optional();

/** `k` of the calls that answer lists. */
export const listSize = z.coerce
  .number()
  .int()
  .min(1)
  .max(100)
  .default(10)
  .meta({ override: { type: 'integer', minimum: 1, maximum: 100, default: 10 } });
