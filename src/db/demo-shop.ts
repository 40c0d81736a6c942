import postgres from 'postgres';

/** A whole shop as rows, named as the tables and columns are. Times are RFC 3339, money and rates decimal strings. */
export interface DemoShop {
  /** Parents first. A category has no number before the database gives it one, so the slug stands for it. */
  categories: { slug: string; name: string; parent_slug: string | null }[];
  products: {
    product_id: string;
    sku: string;
    name: string;
    short_description: string;
    long_description: string;
    category_slug: string;
    tags: string[];
    price: string;
    currency: string;
    brand: string;
    available: boolean;
    created_at: string;
    updated_at: string;
    metadata_json: Record<string, unknown>;
    rating: string;
    discount_percent: string;
  }[];
  product_images: {
    image_id: string;
    product_id: string;
    s3_key: string;
    cdn_url: string;
    width: number;
    height: number;
    format: string;
    variant: string;
    alt_text: string;
    is_primary: boolean;
    created_at: string;
  }[];
  users: {
    user_id: string;
    email: string | null;
    username: string | null;
    created_at: string;
    last_seen_at: string;
    profile: Record<string, unknown>;
    is_anonymous: boolean;
    is_active: boolean;
  }[];
  sessions: {
    session_id: string;
    user_id: string;
    started_at: string;
    ended_at: string;
    context: Record<string, unknown>;
  }[];
  interactions: {
    user_id: string;
    product_id: string;
    session_id: string;
    event_type: string;
    event_value: number;
    platform: string;
    device: Record<string, unknown>;
    created_at: string;
  }[];
  purchase_history: {
    user_id: string;
    product_id: string;
    quantity: number;
    unit_price: string;
    total_price: string;
    order_id: string;
    purchased_at: string;
    payment_method: string;
    payment_status: string;
  }[];
  reviews: {
    review_id: string;
    user_id: string;
    product_id: string;
    rating: number;
    title: string;
    comment: string;
    verified_purchase: boolean;
    helpful_count: number;
    is_approved: boolean;
    created_at: string;
    updated_at: string;
  }[];
  review_helpful_votes: { review_id: string; user_id: string; created_at: string }[];
  user_cart: {
    user_id: string;
    product_id: string;
    quantity: number;
    added_at: string;
    updated_at: string;
  }[];
  user_wishlist: { user_id: string; product_id: string; added_at: string }[];
}

export type DemoTable = keyof DemoShop;

/** Called after every batch: rows written so far, rows in all, and the table that is being written. */
export type LoadProgress = (done: number, total: number, what: DemoTable) => void;

const batchRows = 2_500;
/** Key of the advisory lock ("demo" in ASCII): of two loads at once the second finds the products of the first. */
const lockKey = 0x64656d6f;

/**
 * Write a shop, all of it or nothing, unless the database has products already: then `makeShop` is not even called and
 * the answer is undefined. Rows are numbered by the tables' own sequences, in the order given.
 */
export const insertDemoShop = async (
  databaseUrl: string,
  makeShop: () => DemoShop,
  onProgress: LoadProgress = () => {},
): Promise<DemoShop | undefined> => {
  const client = postgres(databaseUrl, {
    max: 1,
    connect_timeout: 5,
    onnotice: () => {},
    connection: {
      application_name: 'zyra-demo-shop',
      TimeZone: 'UTC',
      lock_timeout: 60_000,
      statement_timeout: 60_000,
      idle_in_transaction_session_timeout: 60_000,
    },
  });
  try {
    return await client.begin(async (sql) => {
      await sql`select pg_advisory_xact_lock(${lockKey})`;
      const [state] = await sql<{ filled: boolean; xid: string }[]>`
        select exists (select from products) as filled, pg_current_xact_id()::text as xid`;
      if (!state || state.filled) return undefined;

      const shop = makeShop();
      await insertShop(sql, state.xid, shop, onProgress);
      return shop;
    });
  } finally {
    await client.end({ timeout: 5 });
  }
};

const insertShop = async (
  sql: postgres.TransactionSql,
  xid: string,
  { categories, products, ...rest }: DemoShop,
  onProgress: LoadProgress,
) => {
  const numbers = await insertCategories(sql, xid, categories);
  const numbered = products.map(({ category_slug, ...product }) => ({
    ...product,
    category_id: numbers.get(category_slug),
  }));
  const tables = { products: numbered, ...rest };
  const total = Object.values(tables).reduce((sum, rows) => sum + rows.length, categories.length);
  let done = categories.length;
  onProgress(done, total, 'categories');

  for (const [table, rows] of Object.entries(tables) as [DemoTable, object[]][]) {
    const columns = Object.keys(rows[0] ?? {});
    for (let from = 0; from < rows.length; from += batchRows) {
      const batch = rows.slice(from, from + batchRows);
      const { count } = await sql`
        insert into ${sql(table)} (${sql(columns)})
        select ${sql(columns)}
        from json_populate_recordset(null::${sql(table)}, ${JSON.stringify(batch)}::text::json)
        where pg_current_xact_id()::text = ${xid}`;
      assertWritten(count, batch.length);
      done += batch.length;
      onProgress(done, total, table);
    }
  }
  // Events have to know of these rows: which of them they are older than, and what there is to delete.
  await sql`select adopt_rows() where pg_current_xact_id()::text = ${xid}`;
  await sql`
    insert into dirty_keys (kind, key)
    select 'popularity', product_id from products where pg_current_xact_id()::text = ${xid}`;
  // What reads the shop next would otherwise be planned for empty tables.
  for (const table of Object.keys(tables)) await sql`analyze ${sql(table)}`;
};

/** A category of the same slug that is there already is kept and used. */
const insertCategories = async (
  sql: postgres.TransactionSql,
  xid: string,
  categories: DemoShop['categories'],
): Promise<Map<string, number>> => {
  const numbers = new Map<string, number>();
  for (const { slug, name, parent_slug } of categories) {
    const parent = parent_slug === null ? null : (numbers.get(parent_slug) ?? null);
    const rows = await sql<{ category_id: number }[]>`
      with added as (
        insert into categories (name, slug, parent_id)
        select ${name}, ${slug}, ${parent}::integer where pg_current_xact_id()::text = ${xid}
        on conflict (slug) do nothing
        returning category_id)
      select category_id from added
      union all
      select category_id from categories where slug = ${slug}`;
    assertWritten(rows.length, 1);
    numbers.set(slug, (rows[0] as { category_id: number }).category_id);
  }
  return numbers;
};

/**
 * postgres.js can carry on with the rest of a transaction on a new connection when it lost the first (its issues 1204
 * and 1216), where each statement would commit by itself. So every statement names the transaction it belongs to, and
 * writes nothing in any other.
 */
const assertWritten = (written: number, expected: number) => {
  if (written !== expected)
    throw new Error(`the demo shop lost its transaction: ${written} of ${expected} rows`);
};
