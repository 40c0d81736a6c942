import type { Db } from '../../src/db/database.ts';
import type { Tables } from '../model.ts';

/** The tables that events write, with the columns of `test/model.ts`: without numbers and times that the server gives. */
export const readTables = async (db: Db): Promise<Tables> => {
  const found: Record<string, object[]> = {
    users: await db`
      select user_id, email, username, password_hash, profile, last_seen_at, is_anonymous, is_active from users`,
    sessions: await db`select session_id, user_id, started_at, ended_at, context from sessions`,
    categories: await db`
      select c.slug, c.name, p.slug as parent_slug
      from categories c left join categories p on p.category_id = c.parent_id`,
    products: await db`
      select product_id, sku, p.name, short_description, long_description, c.slug, tags, price, currency, brand,
        metadata_json, discount_percent, available, rating, created_at, updated_at
      from products p left join categories c using (category_id)`,
    product_images: await db`
      select image_id, product_id, s3_key, cdn_url, width, height, format, variant, alt_text, is_primary, created_at
      from product_images`,
    interactions: await db`
      select user_id, product_id, session_id, event_type, event_value, platform, device, created_at from interactions`,
    purchase_history: await db`
      select user_id, product_id, quantity, unit_price, total_price, order_id, purchased_at, payment_method,
        payment_status
      from purchase_history`,
    user_cart: await db`select user_id, product_id, added_at, updated_at, quantity from user_cart`,
    user_wishlist: await db`select user_id, product_id, added_at from user_wishlist`,
    reviews: await db`
      select review_id, user_id, product_id, rating, title, comment, verified_purchase, helpful_count, is_approved,
        created_at, updated_at
      from reviews`,
    review_helpful_votes: await db`select review_id, user_id, created_at from review_helpful_votes`,
  };
  return Object.fromEntries(
    Object.entries(found).map(([table, rows]) => [
      table,
      rows.map((row) => JSON.stringify(Object.values(row))).sort(),
    ]),
  );
};

/** The first rows that differ, table by table; none when the tables are equal. */
export const differences = (found: Tables, expected: Tables) =>
  Object.keys(expected).flatMap((table) => {
    const [there, wanted] = [found[table] ?? [], expected[table] ?? []];
    const left = new Map<string, number>();
    for (const row of there) left.set(row, (left.get(row) ?? 0) + 1);
    const missing = wanted.filter((row) => {
      const count = left.get(row) ?? 0;
      left.set(row, count - 1);
      return count <= 0;
    });
    const unexpected = [...left].filter(([, count]) => count > 0).map(([row]) => row);
    return missing.length + unexpected.length === 0
      ? []
      : [{ table, missing: missing.slice(0, 3), unexpected: unexpected.slice(0, 3) }];
  });
