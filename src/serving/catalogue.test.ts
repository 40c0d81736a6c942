import type { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { refreshCatalogue } from '../../jobs/refresh-catalogue.ts';
import { eventually } from '../../test/support/eventually.ts';
import { startOwnRedis } from '../../test/support/own-redis.ts';
import { performJob } from '../../test/support/perform-job.ts';
import { type System, setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { handleRefreshCatalogue } from '../../workers/refresh-catalogue.ts';
import { startCatalogue } from './catalogue.ts';

/** What the catalogue knows is the poll's only where a test says so: else nothing but reads bring news. */
const never = 3_600_000;

const start = async (env: Record<string, string> = {}, pollMs = never) => {
  const system = await setup(env);
  const open = async () => {
    const catalogue = await startCatalogue({ ...system.parts, prefix: system.prefix, pollMs });
    onTestFinished(() => catalogue.close());
    return catalogue;
  };
  return { ...system, open };
};

/** As if an event had changed these products. */
const announce = async ({ db, parts }: Pick<System, 'db' | 'parts'>, ids: readonly string[]) => {
  await db`insert into dirty_keys (kind, key) select 'catalogue', id from unnest(${ids}::uuid[]) as id`;
  await performJob(refreshCatalogue, handleRefreshCatalogue, {}, parts);
};

const numbersIn = (bits: Uint8Array | undefined): number[] =>
  [...(bits ?? []).entries()].flatMap(([at, octet]) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => octet & (1 << bit)).map((bit) => 8 * at + bit),
  );

test('what is told is known at the next read, in the round trip of the read itself', async () => {
  const system = await start();
  const { db, cache, open } = system;
  const ids = await insertProducts(db, 3);
  await announce(system, ids);
  const catalogue = await open();
  const [first = ''] = ids;
  const number = catalogue.numberOf(first) as number;
  expect(catalogue.idOf(number)).toBe(first);
  expect(numbersIn(catalogue.allowed({}))).toHaveLength(3);

  await db`update products set available = false, price = 12.34 where product_id = ${first}`;
  await announce(system, [first]);
  expect(catalogue.allows(number, {})).toBe(true);
  const pipeline = cache.pipeline().get('whatever is read');
  const followed = catalogue.follow(pipeline);
  await followed((await pipeline.exec())?.[1]);
  expect(catalogue.allows(number, {})).toBe(false);
  expect(numbersIn(catalogue.allowed({}))).not.toContain(number);
  expect(catalogue.priceOf(number)).toBe(1234);

  const [late = ''] = await insertProducts(db, 1);
  await announce(system, [late]);
  expect(catalogue.numberOf(late)).toBeUndefined();
  expect(await catalogue.refresh(1_000)).toBe(true);
  expect(catalogue.allows(catalogue.numberOf(late) as number, {})).toBe(true);
});

test('an older announcement that comes late changes nothing', async () => {
  const system = await start();
  const { db, cache, prefix, open } = system;
  const [id = ''] = await insertProducts(db, 1);
  await announce(system, [id]);
  const catalogue = await open();
  const [, old] = (await cache.xrangeBuffer(`${prefix}:changes`, '-', '+')).at(-1) ?? [];
  await db`update products set available = false where product_id = ${id}`;
  await announce(system, [id]);
  await cache.xadd(`${prefix}:changes`, '*', ...(old as Buffer[]));
  expect(await catalogue.refresh(1_000)).toBe(true);
  expect(catalogue.allows(catalogue.numberOf(id) as number, {})).toBe(false);
});

test('filters by category, with all below it, and by price are exact, and follow every change', async () => {
  const system = await start();
  const { db, open } = system;
  await db`insert into categories (category_id, slug, name, parent_id)
    values (1, 'home', 'Home', null), (2, 'lamps', 'Lamps', 1), (3, 'books', 'Books', null)`;
  const ids = await insertProducts(db, 4);
  await db`
    update products p set category_id = t.category, price = t.price
    from unnest(${ids}::uuid[], '{1,2,3,2}'::integer[], '{0.29,99999999.99,0.30,null}'::numeric[])
      as t(id, category, price)
    where p.product_id = t.id`;
  await announce(system, ids);
  const catalogue = await open();
  const found = (filter: Parameters<typeof catalogue.allowed>[0]) =>
    numbersIn(catalogue.allowed(filter)).map((number) => ids.indexOf(catalogue.idOf(number)));
  expect(found({ category: 'home' })).toEqual([0, 1, 3]);
  expect(found({ category: 'lamps' })).toEqual([1, 3]);
  expect(found({ minPrice: 30 })).toEqual([1, 2]);
  expect(found({ maxPrice: 29 })).toEqual([0]);
  expect(found({ minPrice: 9_999_999_999 })).toEqual([1]);
  expect(found({ category: 'home', maxPrice: 30 })).toEqual([0]);
  expect(catalogue.allowed({ category: 'none' })).toBeUndefined();

  await db`update categories set parent_id = 1 where slug = 'books'`;
  await announce(system, ['00000000-0000-0000-0000-000000000000']);
  await db`update products set price = 0.28 where product_id = ${ids[2] ?? ''}`;
  await announce(system, [ids[2] ?? '']);
  expect(await catalogue.refresh(1_000)).toBe(true);
  expect(found({ category: 'home', maxPrice: 29 })).toEqual([0, 2]);
  expect(found({ maxPrice: 29 })).toEqual([0, 2]);
});

test.each([
  ['flushed', (cache: Redis, key: string) => cache.unlink(key)],
  ['trimmed past us', (cache: Redis, key: string) => cache.xtrim(key, 'MAXLEN', 1)],
])('a stream that is %s leads to loading everything anew', async (_, spoil) => {
  const system = await start({}, 50);
  const { db, cache, prefix, open } = system;
  const ids = await insertProducts(db, 5);
  await announce(system, ids);
  const catalogue = await open();
  const [hidden = '', shown = ''] = ids;
  await db`update products set available = false where product_id = ${hidden}`;
  await announce(system, [hidden]);
  await announce(system, [shown]);
  await spoil(cache, `${prefix}:changes`);
  await eventually(() => {
    expect(catalogue.allows(catalogue.numberOf(hidden) as number, {})).toBe(false);
    expect(catalogue.current).toBe(true);
  });
  // And is followed from there on.
  await db`update products set available = true where product_id = ${hidden}`;
  await announce(system, [hidden]);
  expect(await catalogue.refresh(1_000)).toBe(true);
  expect(catalogue.allows(catalogue.numberOf(hidden) as number, {})).toBe(true);
});

test('with the cache Redis away memory goes on answering, says so, and follows again when it is back', async () => {
  const redis = await startOwnRedis();
  const system = await start({ REDIS_CACHE_URL: redis.url }, 50);
  const { db, open } = system;
  const ids = await insertProducts(db, 2);
  await announce(system, ids);
  const catalogue = await open();
  await redis.kill();
  await eventually(() => expect(catalogue.current).toBe(false));
  expect(await catalogue.refresh(50)).toBe(false);
  expect(numbersIn(catalogue.allowed({}))).toHaveLength(2);
  await redis.restart();
  await eventually(() => expect(catalogue.current).toBe(true));
});

test('the tables are packed and read whatever they hold', async () => {
  const system = await start();
  const { db, open } = system;
  const nil = '00000000-0000-0000-0000-000000000000';
  await db`insert into products (product_id, name) values (${nil}, 'All zeros'), (${uuidv7()}, 'Neither price nor more')`;
  const ids = [nil, ...(await insertProducts(db, 2_500))];
  const rows = await db<{ product_id: string }>`select product_id from products`;
  await announce(
    system,
    rows.map(({ product_id }) => product_id),
  );
  const catalogue = await open();
  expect(catalogue.count).toBe(2_502);
  for (const id of ids) expect(catalogue.idOf(catalogue.numberOf(id) as number)).toBe(id);
  expect(catalogue.allows(catalogue.numberOf(nil) as number, {})).toBe(false);
});
