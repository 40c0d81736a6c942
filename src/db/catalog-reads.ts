import type { Db } from './database.ts';

export interface ProductRow {
  product_id: string;
  sku: string | null;
  name: string;
  short_description: string | null;
  long_description: string | null;
  category_id: number | null;
  category_slug: string | null;
  category_name: string | null;
  tags: string[] | null;
  price: string | null;
  currency: string | null;
  brand: string | null;
  available: boolean;
  metadata_json: unknown;
  rating: string;
  discount_percent: string;
  review_count: number;
  images: Record<string, unknown>[];
  created_at: string;
  updated_at: string;
}

/** A product with its category, its images (the primary one first) and how many approved reviews it has. */
export const findProduct = async (db: Db, productId: string): Promise<ProductRow | undefined> => {
  const [found] = await db<ProductRow>`
    select p.product_id, p.sku, p.name, p.short_description, p.long_description, p.category_id,
      c.slug as category_slug, c.name as category_name, p.tags, p.price, p.currency, p.brand,
      coalesce(p.available, false) as available, p.metadata_json, coalesce(p.rating, 0.0) as rating,
      coalesce(p.discount_percent, 0) as discount_percent, p.created_at, p.updated_at,
      (select count(*)::integer from reviews r where r.product_id = p.product_id and r.is_approved) as review_count,
      (select coalesce(json_agg(json_build_object('image_id', i.image_id, 's3_key', i.s3_key, 'cdn_url', i.cdn_url,
          'width', i.width, 'height', i.height, 'format', i.format, 'variant', i.variant, 'alt_text', i.alt_text,
          'is_primary', coalesce(i.is_primary, false), 'created_at', rfc3339(i.created_at))
        order by i.is_primary desc nulls last, i.created_at, i.image_id), '[]')
        from product_images i where i.product_id = p.product_id) as images
    from products p
    left join categories c using (category_id)
    where p.product_id = ${productId}`;
  return found;
};

export type ReviewOrder = 'helpful' | 'newest' | 'rating';

export interface ReviewRow {
  review_id: string;
  user_id: string;
  rating: number;
  title: string | null;
  comment: string | null;
  verified_purchase: boolean;
  helpful_count: number;
  created_at: string;
  updated_at: string;
  /** What the order goes by before the time. */
  place: number;
}

export interface ReviewPlace {
  place: number;
  created_at: string;
  review_id: string;
}

/** What the reviews of an order are sorted by first; the newer of equals comes first. */
const places = (db: Db) => ({
  helpful: db.fragment`helpful_count`,
  newest: db.fragment`0`,
  rating: db.fragment`rating`,
});

/** Approved reviews of a product, a page at a time; undefined when there is no such product. */
export const listProductReviews = async (
  db: Db,
  {
    productId,
    order,
    after,
    limit,
  }: { productId: string; order: ReviewOrder; after: ReviewPlace | undefined; limit: number },
): Promise<ReviewRow[] | undefined> => {
  const rows = await db<ReviewRow | { review_id: null }>`
    select r.review_id, r.user_id, r.rating, r.title, r.comment, r.verified_purchase, r.helpful_count, r.created_at,
      r.updated_at, r.place
    from products p
    left join lateral (
      select review_id, user_id, rating, title, comment, verified_purchase, helpful_count, created_at, updated_at, place
      from (
        select review_id, user_id, rating, title, comment, verified_purchase, helpful_count, created_at, updated_at,
          ${places(db)[order]} as place
        from reviews
        where product_id = p.product_id and is_approved
      ) own
      where ${
        after
          ? db.fragment`(place, created_at, review_id)
              < (${after.place}::integer, ${after.created_at}::timestamptz, ${after.review_id}::uuid)`
          : db.fragment`true`
      }
      order by place desc, created_at desc, review_id desc
      limit ${limit}
    ) r on true
    where p.product_id = ${productId}
    order by r.place desc, r.created_at desc, r.review_id desc`;
  if (rows.length === 0) return undefined;
  return rows.filter((row): row is ReviewRow => row.review_id !== null);
};

export interface CategoryRow {
  category_id: number;
  slug: string;
  name: string;
  parent_slug: string | null;
}

/** Every category. */
export const listCategories = (db: Db) => db<CategoryRow>`
  select c.category_id, c.slug, c.name, above.slug as parent_slug
  from categories c
  left join categories above on above.category_id = c.parent_id
  order by c.slug`;
