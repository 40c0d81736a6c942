import { expect, test } from 'vitest';
import { reconcile as job } from '../jobs/reconcile.ts';
import { reconcile } from '../src/reconcile.ts';
import { performJob } from '../test/support/perform-job.ts';
import { setup } from '../test/support/setup.ts';
import { insertProducts } from '../test/support/shop.ts';
import { handleReconcile } from './reconcile.ts';

const signal = new AbortController().signal;

/** A small shop whose aggregates are what they should be. */
const shop = async () => {
  const system = await setup();
  const { db } = system;
  const products = await insertProducts(db, 4);
  await db`
    insert into users (user_id, is_anonymous, is_active)
    select gen_random_uuid(), true, true from generate_series(1, 5)`;
  await db`
    insert into reviews (user_id, product_id, rating, is_approved)
    select user_id, product_id, 1 + (row_number() over ())::integer % 5, (row_number() over ()) % 4 <> 0
    from users, products`;
  await db`
    insert into review_helpful_votes (review_id, user_id)
    select r.review_id, u.user_id from reviews r join users u on u.user_id < r.user_id`;
  await db`
    insert into purchase_history (user_id, product_id, unit_price, total_price, order_id, payment_status)
    select user_id, product_id, 1, 1, gen_random_uuid(), case rating when 1 then 'refunded' else 'completed' end
    from reviews where rating < 4`;
  await db`
    insert into interactions (user_id, product_id, event_type, created_at)
    select user_id, product_id, 'view', now() - random() * interval '90 days'
    from users, products, generate_series(1, 3)`;
  await db`
    insert into product_images (image_id, product_id, s3_key, is_primary)
    select gen_random_uuid(), product_id, 'key', n = 1 from products, generate_series(1, 3) as n`;
  await system.db`select refresh_ratings(array(select product_id from products))`;
  await db`select refresh_helpful_counts(array(select review_id from reviews))`;
  await db`
    select refresh_verified_purchases(array_agg(user_id), array_agg(product_id)) from reviews`;
  await db`
    select refresh_popularity(array(select product_id from products), ${JSON.stringify(system.config.EVENT_WEIGHTS)}::text::jsonb)`;
  return { ...system, products };
};

const aggregates = ({ db }: Awaited<ReturnType<typeof shop>>) => db`
  select
    (select json_agg(row(product_id, rating) order by product_id) from products) as ratings,
    (select json_agg(row(review_id, helpful_count, verified_purchase) order by review_id) from reviews) as reviews,
    (select json_agg(row(product_id, round(score_1d::numeric, 6), round(score_30d::numeric, 6)) order by product_id)
      from product_popularity) as popularity`;

const differences = (results: Awaited<ReturnType<typeof reconcile>>) =>
  Object.fromEntries(
    results.filter(({ differed }) => differed > 0).map(({ name, differed }) => [name, differed]),
  );

test('finds nothing where everything is counted, and says so', async () => {
  const system = await shop();
  const results = await reconcile(system.parts, { dryRun: false, signal });
  expect(differences(results)).toEqual({});
  expect(results.map(({ name, checked }) => [name, checked])).toEqual([
    ['products.rating', 4],
    ['reviews.helpful_count', 20],
    ['reviews.verified_purchase', 20],
    ['product_popularity', 4],
    ['product_images.is_primary', 4],
  ]);
  expect(await system.db`select component, severity from system_audit`).toEqual([
    { component: 'reconcile', severity: 'info' },
  ]);
});

test('finds every planted difference, repairs it, audits and counts it; a dry run changes nothing', async () => {
  const system = await shop();
  const { db, parts, products, metrics } = system;
  const before = await aggregates(system);
  await db`update products set rating = 4.9 where product_id = any(${products.slice(0, 2)}::uuid[])`;
  await db`update reviews set helpful_count = helpful_count + 1 where product_id = ${products[0]}`;
  await db`update reviews set verified_purchase = not verified_purchase where product_id = ${products[1]}`;
  await db`update product_popularity set score_7d = score_7d + 0.01 where product_id = ${products[2]}`;
  await db`delete from product_popularity where product_id = ${products[3]}`;
  await db`update product_images set is_primary = true where product_id = ${products[0]}`;
  const planted = {
    'products.rating': 2,
    'reviews.helpful_count': 5,
    'reviews.verified_purchase': 5,
    product_popularity: 2,
    'product_images.is_primary': 1,
  };

  const wrong = await aggregates(system);
  expect(differences(await reconcile(parts, { dryRun: true, signal }))).toEqual(planted);
  expect(await aggregates(system)).toEqual(wrong);
  expect(await db`select message from system_audit`).toEqual([]);

  await performJob(job, handleReconcile, {}, parts);

  expect(await aggregates(system)).toEqual(before);
  const primaries = await db`
    select product_id from product_images where is_primary group by product_id having count(*) = 1`;
  expect(primaries).toHaveLength(4);
  const [audit] = await db<{ severity: string; payload: { differed: Record<string, { count: number }> } }>`
    select severity, payload from system_audit`;
  expect(audit?.severity).toBe('warning');
  expect(
    Object.fromEntries(
      Object.entries(audit?.payload.differed ?? {}).map(([name, { count }]) => [name, count]),
    ),
  ).toEqual(planted);
  const figures = await metrics.registry.getSingleMetricAsString('zyra_reconcile_differences_total');
  expect(figures).toContain('{aggregate="reviews.helpful_count"} 5');

  expect(differences(await reconcile(parts, { dryRun: false, signal }))).toEqual({});
});

test('what is marked as stale is not wrong: its follow-up is on the way', async () => {
  const { db, parts, products } = await shop();
  await db`update products set rating = 4.9`;
  await db`insert into dirty_keys (kind, key) values ('rating', ${products[0]})`;
  expect(differences(await reconcile(parts, { dryRun: true, signal }))).toEqual({ 'products.rating': 3 });
});

test('goes through more rows than a batch holds, and stops when its process does', async () => {
  const { db, parts } = await setup();
  await insertProducts(db, 2_500);
  await db`update products set rating = 1.0 where product_id in (
    (select product_id from products order by product_id limit 1)
    union all (select product_id from products order by product_id desc limit 1))`;
  const [ratings] = await reconcile(parts, { dryRun: false, signal });
  expect(ratings).toMatchObject({ checked: 2_500, differed: 2 });
  expect(await db`select product_id from products where rating <> 0`).toEqual([]);

  const stopped = AbortSignal.abort();
  await expect(performJob(job, handleReconcile, {}, parts, { signal: stopped })).rejects.toThrow('stopped');
});
