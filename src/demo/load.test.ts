import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { createDatabase } from '../../test/support/database.ts';
import { loadDemoShop } from './load.ts';
import { generateShop } from './shop.ts';

const now = new Date('2026-03-01T15:30:00Z');
const database = await createDatabase({ template: 'migrated' });
const sql = postgres(database.url, { max: 1, onnotice: () => {} });
afterAll(async () => {
  await sql.end({ timeout: 5 });
  await database.drop();
});

const countRows = async (tables: string[]) => {
  const counts: [string, number][] = [];
  for (const table of tables) {
    const [row] = await sql<{ count: number }[]>`select count(*)::int from ${sql(table)}`;
    counts.push([table, row?.count ?? -1]);
  }
  return Object.fromEntries(counts);
};

test('a load that breaks off leaves nothing, the next one fills every table, a further one does nothing', async () => {
  const shop = generateShop({ seed: 1, now });
  const tables = Object.keys(shop);
  const wanted = Object.fromEntries(Object.entries(shop).map(([table, rows]) => [table, rows.length]));

  const broken = loadDemoShop(database.url, {
    now,
    onProgress: (_done, _total, what) => {
      if (what === 'interactions') throw new Error('enough');
    },
  });
  await expect(broken).rejects.toThrow('enough');
  expect(await countRows(tables)).toEqual(Object.fromEntries(tables.map((table) => [table, 0])));

  const steps: { done: number; total: number }[] = [];
  // Of two at once one loads; the other waits for it and finds the products.
  const loads = await Promise.all([
    loadDemoShop(database.url, { now, onProgress: (done, total) => steps.push({ done, total }) }),
    loadDemoShop(database.url, { now, onProgress: (done, total) => steps.push({ done, total }) }),
  ]);
  expect(loads.map(({ loaded }) => loaded).sort()).toEqual([false, true]);
  expect(loads.find(({ loaded }) => loaded)?.counts).toEqual(wanted);
  expect(await countRows(tables)).toEqual(wanted);

  const total = Object.values(wanted).reduce((a, b) => a + b, 0);
  expect(steps.at(-1)).toEqual({ done: total, total });
  expect(steps.map(({ done }) => done)).toEqual(steps.map(({ done }) => done).sort((a, b) => a - b));

  expect(await loadDemoShop(database.url, { now })).toEqual({ loaded: false, counts: {} });
  expect(await countRows(tables)).toEqual(wanted);

  await expectStoredAsGenerated(shop);
}, 180_000);

/** What PostgreSQL has is what was generated, and what it would itself count and average. */
const expectStoredAsGenerated = async (shop: ReturnType<typeof generateShop>) => {
  const products = await sql`
    select p.product_id, p.sku, p.name, p.short_description, p.long_description, c.slug as category_slug, p.tags,
      p.price, p.currency, p.brand, p.available, p.created_at, p.updated_at, p.metadata_json, p.rating,
      p.discount_percent
    from products p join categories c using (category_id)
    order by p.product_id`;
  const times = ({ created_at, updated_at }: { created_at: string; updated_at: string }) => ({
    created_at: new Date(created_at),
    updated_at: new Date(updated_at),
  });
  expect([...products]).toEqual(
    shop.products
      .map((product) => ({ ...product, ...times(product) }))
      .sort((a, b) => (a.product_id < b.product_id ? -1 : 1)),
  );

  const categories = await sql`
    select c.slug, c.name, p.slug as parent_slug
    from categories c left join categories p on p.category_id = c.parent_id
    order by c.category_id`;
  expect([...categories]).toEqual(shop.categories);

  // Rows are numbered as they happened, and by the sequence, which goes on after them.
  const [numbering] = await sql`
    select count(*) filter (where id < before)::int as misplaced, max(id) < nextval('interactions_id_seq') as goes_on
    from (select id, lag(id) over (order by created_at, id) as before from interactions) numbered`;
  expect(numbering).toEqual({ misplaced: 0, goes_on: true });

  const [recount] = await sql`
    select
      (select count(*)::int from products p where rating is distinct from coalesce(
        (select round(avg(r.rating), 1) from reviews r where r.product_id = p.product_id and r.is_approved), 0.0)
      ) as wrong_ratings,
      (select count(*)::int from reviews r where helpful_count <>
        (select count(*) from review_helpful_votes v where v.review_id = r.review_id)) as wrong_counts,
      (select count(*)::int from reviews r where verified_purchase <> exists (
        select from purchase_history h
        where h.user_id = r.user_id and h.product_id = r.product_id and h.payment_status = 'completed')
      ) as wrongly_verified,
      (select count(*)::int from purchase_history where total_price <> unit_price * quantity) as wrong_sums`;
  expect(recount).toEqual({ wrong_ratings: 0, wrong_counts: 0, wrongly_verified: 0, wrong_sums: 0 });
};
