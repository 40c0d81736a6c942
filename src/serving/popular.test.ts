import { expect, onTestFinished, test } from 'vitest';
import { refreshCatalogue } from '../../jobs/refresh-catalogue.ts';
import { eventually } from '../../test/support/eventually.ts';
import { performJob } from '../../test/support/perform-job.ts';
import { setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { handleRefreshCatalogue } from '../../workers/refresh-catalogue.ts';
import { startCatalogue } from './catalogue.ts';
import { startPopular } from './popular.ts';

const all = () => true;

test('the most popular that fit come first, then those that nothing happened to, and news within moments', async () => {
  const { db, parts, prefix } = await setup();
  const announce = async (ids: readonly string[]) => {
    await db`insert into dirty_keys (kind, key) select 'catalogue', id from unnest(${ids}::uuid[]) as id`;
    await performJob(refreshCatalogue, handleRefreshCatalogue, {}, parts);
  };
  const ids = await insertProducts(db, 700);
  const score = (from: number, to: number, top: number) => db`
    insert into product_popularity (product_id, score_1d, score_7d, score_30d)
    select product_id, 0, ${top} - n, 0
    from unnest(${ids.slice(from, to)}::uuid[]) with ordinality as scored(product_id, n)
    on conflict (product_id) do update set score_7d = excluded.score_7d`;
  await db`update products p set price = n from unnest(${ids}::uuid[]) with ordinality as priced(id, n) where product_id = id`;
  await score(0, 500, 1_000);
  await announce(ids);
  const catalogue = await startCatalogue({ ...parts, prefix, pollMs: 20 });
  onTestFinished(() => catalogue.close());
  const popular = await startPopular({ ...parts, catalogue, refreshMs: 50 });
  onTestFinished(() => popular.close());
  const numbersOf = (some: readonly string[]) => some.map((id) => catalogue.numberOf(id) as number);

  expect(popular.pick({}, 3, all)).toEqual(numbersOf(ids.slice(0, 3)));
  const [first] = numbersOf(ids);
  expect(popular.pick({}, 2, (number) => number !== first)).toEqual(numbersOf(ids.slice(1, 3)));
  expect(popular.pick({ minPrice: 30_000 }, 2, all)).toEqual(numbersOf(ids.slice(299, 301)));
  // Far behind what is kept in order, and without any popularity.
  const refused = new Set(numbersOf(ids.slice(0, 600)));
  expect(popular.pick({}, 200, (number) => !refused.has(number))).toEqual(
    numbersOf(ids.slice(600)).sort((a, b) => a - b),
  );
  expect(popular.pick({ category: 'nothing' }, 1, all)).toBeUndefined();
  expect(popular.shareOf(first as number)).toBe(1);
  expect(popular.shareOf(numbersOf(ids)[1] as number)).toBeCloseTo(Math.exp(-1), 5);
  expect(popular.shareOf(numbersOf(ids)[650] as number)).toBe(0);

  await db`update products set available = false where product_id = ${ids[0] ?? ''}`;
  await announce(ids.slice(0, 1));
  await eventually(() => expect(popular.pick({}, 1, all)).toEqual(numbersOf(ids.slice(1, 2))));
  await score(640, 641, 2_000);
  await eventually(() => expect(popular.pick({}, 1, all)).toEqual(numbersOf(ids.slice(640, 641))));
  // What comes new is there where nothing else fits, however new the order of the filter is.
  const [late = ''] = await insertProducts(db, 1);
  await db`update products set price = 5000 where product_id = ${late}`;
  expect(popular.pick({ minPrice: 400_000 }, 1, all)).toEqual([]);
  await announce([late]);
  await catalogue.refresh(1_000);
  expect(popular.pick({ minPrice: 400_000 }, 1, all)).toEqual(numbersOf([late]));
});
