import type { Db, Row } from './database.ts';

/** A row as an event's fields, and where the next page goes on after it. */
export interface ExportedRow {
  cursor: string | number;
  fields: Row;
}

export interface TableExport {
  /** What its events are called in `POST /v1/events`. */
  type: string;
  table: string;
  /** The rows after `after` in the order of the key, at most `limit`. */
  page(db: Db, after: string | number | undefined, limit: number): Promise<ExportedRow[]>;
}

/** A query that has its key as column `cursor`, and the event's fields as the others. */
const rows =
  (
    query: (db: Db, after: string | number | undefined, limit: number) => Promise<Row[]>,
  ): TableExport['page'] =>
  async (db, after, limit) =>
    (await query(db, after, limit)).map(({ cursor, ...fields }) => ({
      cursor: cursor as string | number,
      fields,
    }));

/**
 * Every kind of event the database can give back, parents before what names them. A row that can be replaced carries
 * its clock as `occurred_at`; one that is only ever added gets its event id from `zyra export`.
 */
export const tableExports: readonly TableExport[] = [
  {
    type: 'category',
    table: 'categories',
    page: rows(
      (db, after = 0, limit) => db`
        select c.category_id as cursor, c.slug, c.name, above.slug as parent_slug
        from categories c left join categories above on above.category_id = c.parent_id
        where c.category_id > ${after}
        order by c.category_id limit ${limit}`,
    ),
  },
  {
    type: 'product',
    table: 'products',
    page: rows(
      (db, after, limit) => db`
        select product_id as cursor, product_id, sku, p.name, short_description, long_description,
          slug as category_slug, tags, price, currency, brand, available, metadata_json, discount_percent,
          updated_at as occurred_at
        from products p left join categories using (category_id)
        where ${after === undefined ? db.fragment`true` : db.fragment`product_id > ${after}`}
        order by product_id limit ${limit}`,
    ),
  },
  {
    type: 'image',
    table: 'product_images',
    page: rows(
      (db, after, limit) => db`
        select image_id as cursor, image_id, product_id, s3_key, cdn_url, width, height, format, variant, alt_text,
          is_primary, created_at as occurred_at
        from product_images
        where ${after === undefined ? db.fragment`true` : db.fragment`image_id > ${after}`}
        order by image_id limit ${limit}`,
    ),
  },
  {
    type: 'user',
    table: 'users',
    // Never password_hash.
    page: rows(
      (db, after, limit) => db`
        select user_id as cursor, user_id, email, username, profile, is_anonymous, is_active, last_seen_at,
          coalesce(last_seen_at, created_at) as occurred_at
        from users
        where ${after === undefined ? db.fragment`true` : db.fragment`user_id > ${after}`}
        order by user_id limit ${limit}`,
    ),
  },
  {
    type: 'session',
    table: 'sessions',
    page: rows(
      (db, after, limit) => db`
        select session_id as cursor, session_id, user_id, started_at, ended_at, context
        from sessions
        where ${after === undefined ? db.fragment`true` : db.fragment`session_id > ${after}`}
        order by session_id limit ${limit}`,
    ),
  },
  {
    type: 'interaction',
    table: 'interactions',
    page: rows(
      (db, after = 0, limit) => db`
        select id as cursor, user_id, product_id, session_id, event_type, event_value, platform, device, created_at
        from interactions
        where id > ${after}
        order by id limit ${limit}`,
    ),
  },
  {
    type: 'purchase',
    table: 'purchase_history',
    // An order is one event. Its rows are taken together by the order's id, so a page has whole orders.
    page: rows(
      (db, after, limit) => db`
        select order_id as cursor, order_id, user_id, payment_method, payment_status, purchased_at,
          json_agg(json_build_object('product_id', product_id, 'quantity', quantity, 'unit_price', unit_price::text)
            order by id) as items
        from purchase_history
        where order_id in (
          select distinct order_id from purchase_history
          where ${after === undefined ? db.fragment`order_id is not null` : db.fragment`order_id > ${after}`}
          order by order_id limit ${limit})
        group by order_id, user_id, payment_method, payment_status, purchased_at
        order by order_id, min(id)`,
    ),
  },
  {
    type: 'purchase',
    table: 'purchase_history',
    // Rows from elsewhere that belong to no order are one each.
    page: rows(
      (db, after = 0, limit) => db`
        select id as cursor, user_id, payment_method, payment_status, purchased_at,
          json_build_array(
            json_build_object('product_id', product_id, 'quantity', quantity, 'unit_price', unit_price::text)) as items
        from purchase_history
        where order_id is null and id > ${after}
        order by id limit ${limit}`,
    ),
  },
  {
    type: 'review',
    table: 'reviews',
    page: rows(
      (db, after, limit) => db`
        select review_id as cursor, user_id, product_id, rating, title, comment, created_at, updated_at as occurred_at
        from reviews
        where ${after === undefined ? db.fragment`true` : db.fragment`review_id > ${after}`}
        order by review_id limit ${limit}`,
    ),
  },
  {
    type: 'review',
    table: 'reviews',
    // A moderator's no is an event beside the review. An older clock than the review's own does no harm to either.
    page: rows(
      (db, after, limit) => db`
        select review_id as cursor, 'patch' as op, review_id, is_approved, updated_at as occurred_at
        from reviews
        where not is_approved and ${after === undefined ? db.fragment`true` : db.fragment`review_id > ${after}`}
        order by review_id limit ${limit}`,
    ),
  },
  {
    type: 'vote',
    table: 'review_helpful_votes',
    page: rows(
      (db, after = 0, limit) => db`
        select id as cursor, review_id, user_id, created_at as occurred_at
        from review_helpful_votes
        where id > ${after}
        order by id limit ${limit}`,
    ),
  },
  {
    type: 'cart',
    table: 'user_cart',
    page: rows(
      (db, after = 0, limit) => db`
        select id as cursor, user_id, product_id, quantity, updated_at as occurred_at
        from user_cart
        where id > ${after}
        order by id limit ${limit}`,
    ),
  },
  {
    type: 'wishlist',
    table: 'user_wishlist',
    page: rows(
      (db, after = 0, limit) => db`
        select id as cursor, user_id, product_id, added_at as occurred_at
        from user_wishlist
        where id > ${after}
        order by id limit ${limit}`,
    ),
  },
];

/** About how many rows these tables have, by the planner's figures: for a progress bar, nothing else. */
export const estimateRows = async (db: Db, tables: readonly string[]): Promise<number> => {
  const [found] = await db<{ rows: number }>`
    select coalesce(sum(greatest(reltuples, 0)), 0)::bigint as rows
    from pg_class
    where relnamespace = current_schema()::regnamespace and relname = any(${tables as string[]}::text[])`;
  return found?.rows ?? 0;
};
