import { createHash } from 'node:crypto';
import postgres from 'postgres';

/** How many there are of what; the rest is in proportion. */
export const large = { products: 100_000, users: 100_000, interactions: 1_000_000 };

/** The id of the n-th of a kind in the large shop; of those with a lower number there usually is more. */
export const id = (kind: string, n: number): string => {
  const hex = createHash('md5').update(`${kind} ${n}`).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

/** The same in SQL. */
const idOf = (kind: string, n: string) => `md5('${kind} ' || (${n}))::uuid`;

/** A few have very much, most have little: the first gets some two percent of all. */
const skewed = (count: number) => `floor(${count} * power(random(), 3))::integer`;

const { products, users, interactions } = large;

const rows: Record<string, string> = {
  categories: `
    insert into categories (name, slug, parent_id)
    select 'Category ' || n, 'category-' || n, case when n > 20 then 1 + n % 20 end from generate_series(1, 500) as n`,
  products: `
    insert into products (product_id, sku, name, category_id, price, currency, brand, available, tags)
    select ${idOf('product', 'n')}, 'sku-' || n, 'Product ' || n, 1 + n % 500, n % 1000, 'INR', 'Brand ' || n % 300,
      n % 20 <> 0, array['a', 'b'] from generate_series(0, ${products - 1}) as n`,
  product_numbers: `
    insert into product_numbers (product_id) select product_id from products`,
  product_texts: `
    insert into product_texts (product_id, number, text_hash, name_key, sku_key, name_words, words, available, price, category_id)
    select product_id, number, md5(p.name)::uuid, lower(name), sku, to_tsvector('english', name),
      to_tsvector('english', name || ' ' || brand || ' Category ' || category_id), available, price, category_id
    from products p join product_numbers n using (product_id)`,
  search_words: `
    insert into search_words (word)
    select translate(substr(md5(n::text), 1, 9), '0123456789', 'ghijklmnop') from generate_series(1, 100000) as n
    union select unnest(array['product', 'brand', 'category'])`,
  product_images: `
    insert into product_images (image_id, product_id, s3_key, is_primary)
    select ${idOf('image', 'n')}, ${idOf('product', `n % ${products}`)}, 'key', n < ${products}
    from generate_series(0, ${products * 1.5 - 1}) as n`,
  users: `
    insert into users (user_id, email, username, is_anonymous, is_active)
    select ${idOf('user', 'n')}, 'user-' || n || '@example.org', 'user-' || n, false, true
    from generate_series(0, ${users - 1}) as n`,
  sessions: `
    insert into sessions (session_id, user_id)
    select ${idOf('session', 'n')}, ${idOf('user', `n % ${users}`)} from generate_series(0, ${users * 2 - 1}) as n`,
  interactions: `
    insert into interactions (user_id, product_id, session_id, event_type, created_at)
    select ${idOf('user', skewed(users))}, ${idOf('product', skewed(products))}, ${idOf('session', skewed(users))},
      (array['view', 'view', 'view', 'click', 'add_to_cart', 'purchase'])[1 + n % 6],
      now() - (${interactions} - n) * interval '30 seconds'
    from generate_series(1, ${interactions}) as n`,
  purchase_history: `
    insert into purchase_history (user_id, product_id, unit_price, total_price, order_id, purchased_at)
    select ${idOf('user', 'buyer')}, ${idOf('product', skewed(products))}, 10, 10, ${idOf('order', 'n / 2')},
      now() - (200000 - n) * interval '150 seconds'
    from (select n, ${skewed(users)} as buyer from generate_series(0, 199999) as n) b`,
  reviews: `
    insert into reviews (review_id, user_id, product_id, rating, comment, is_approved, helpful_count, created_at)
    select ${idOf('review', 'n')}, ${idOf('user', `n % ${users}`)},
      ${idOf('product', `case when n < 5000 then 0 else (n * 7 + n / ${users}) % ${products} end`)}, 1 + n % 5, 'Fine.',
      n % 30 <> 0, n % 4, now() - n * interval '1 minute'
    from generate_series(0, 199999) as n`,
  review_helpful_votes: `
    insert into review_helpful_votes (review_id, user_id)
    select ${idOf('review', 'n / 2')}, ${idOf('user', `(n * 13) % ${users}`)} from generate_series(0, 199999) as n`,
  user_cart: `
    insert into user_cart (user_id, product_id)
    select ${idOf('user', `n % 50000`)}, ${idOf('product', `(n * 11) % ${products}`)} from generate_series(0, 99999) as n`,
  user_wishlist: `
    insert into user_wishlist (user_id, product_id)
    select ${idOf('user', `n % 50000`)}, ${idOf('product', `(n * 17) % ${products}`)} from generate_series(0, 99999) as n`,
  product_popularity: `
    insert into product_popularity (product_id, score_1d, score_7d, score_30d)
    select product_id, 1700 + random(), 240 + random(), 58 + random() from products`,
  recommendation_logs: `
    insert into recommendation_logs (user_id, returned_at)
    select ${idOf('user', skewed(users))}, now() - (100000 - n) * interval '3 minutes' from generate_series(1, 100000) as n`,
  ab_tests: `
    insert into ab_tests (test_name, user_id, cohort)
    select 'test-' || n % 5, ${idOf('user', `n / 5`)}, 'a' from generate_series(0, 99999) as n`,
  embeddings_meta: `
    insert into embeddings_meta (object_type, object_id) select 'product', product_id from products`,
  system_audit: `
    insert into system_audit (component, severity, message, created_at)
    select (array['events', 'users', 'keys', 'reviews'])[1 + n % 4], case when n % 50 = 0 then 'error' else 'info' end,
      'entry', now() - (200000 - n) * interval '3 minutes'
    from generate_series(1, 200000) as n`,
  processed_events: `
    insert into processed_events (event_id, job, payload_hash, applied_at)
    select ${idOf('event', 'n')}, 'record-interactions', n, now() - (500000 - n) * interval '8 seconds'
    from generate_series(1, 500000) as n`,
  event_conflicts: `
    insert into event_conflicts (event_id, job) select ${idOf('event', 'n')}, 'record-interactions' from generate_series(1, 20000) as n`,
  parked_events: `
    insert into parked_events (event_id, job, state, reason, waits_for, payload, payload_hash, parked_at, expires_at)
    select ${idOf('parked', 'n')}, 'record-interactions', state, 'unknown_product',
      case when state = 'waiting' then 'product:' || ${idOf('missing', 'n % 3000')} end, '{}', n,
      now() - n * interval '1 minute', case when state = 'waiting' then now() + interval '1 day' end
    from (
      select n, case when n % 10 = 0 then 'waiting' when n % 10 < 8 then 'refused' else 'failed' end as state
      from generate_series(1, 20000) as n) p`,
  user_aliases: `
    insert into user_aliases (old_user_id, user_id)
    select ${idOf('visitor', 'n')}, ${idOf('user', 'n')} from generate_series(0, 49999) as n`,
  review_aliases: `
    insert into review_aliases (old_review_id, review_id)
    select ${idOf('old review', 'n')}, ${idOf('review', 'n')} from generate_series(0, 49999) as n`,
  row_versions: `
    insert into row_versions (kind, key, put, doc)
    select kind, key, clock_of('2026-01-01Z'), doc
    from (
      select 'cart', user_id || ':' || product_id, null::jsonb from user_cart
      union all select 'vote', review_id || ':' || user_id, null from review_helpful_votes
      union all select 'review', review_id::text, jsonb_build_object('user_id', user_id, 'product_id', product_id)
        from reviews
      union all select 'product', product_id::text, null from products
    ) v(kind, key, doc)
    order by kind, key collate "C"`,
};

/** The tables that grow with a shop: nothing may read one of them from one end to the other. */
export const largeTables = Object.keys(rows).filter((table) => table !== 'categories');

/**
 * Fill a migrated database with a shop of a million interactions. Foreign keys are not checked, and indexes are built
 * after the rows are in: it takes about a minute on two slow cores.
 */
export const fillLargeShop = async (url: string): Promise<void> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(`
      set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '256MB';
      set work_mem = '128MB'; set max_parallel_maintenance_workers = 1; select setseed(0.5)`);
    const indexes = await sql<{ name: string; definition: string }[]>`
      select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
      from pg_index
      join pg_class c on c.oid = indrelid
      where c.relnamespace = 'public'::regnamespace and not c.relispartition
        and c.relname in ('interactions', 'purchase_history', 'reviews', 'row_versions', 'recommendation_logs', 'system_audit')
        and not exists (select from pg_constraint where conindid = indexrelid)`;
    for (const { name } of indexes) await sql.unsafe(`drop index ${name}`);
    for (const fill of Object.values(rows)) await sql.unsafe(fill);
    for (const { definition } of indexes) await sql.unsafe(definition);
    await sql.unsafe('vacuum analyze');
  } finally {
    await sql.end({ timeout: 5 });
  }
};
