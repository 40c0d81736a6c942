import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { createRandom } from '../src/demo/random.ts';
import { refreshEveryList } from '../src/serving/every-list.ts';
import { createListMaker } from '../src/serving/list-maker.ts';
import { decodeAlias, decodeList, sessionKey, userListKey, writeLists } from '../src/serving/user-list.ts';
import { handleRefreshUsers } from '../workers/refresh-users.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { performJob } from './support/perform-job.ts';
import { type System, setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';

const kinds = ['red wool scarf', 'steel kitchen knife', 'usb charging cable', 'rubber garden hose'];

/** A running shop of these kinds of products, `each` of every kind, indexed. */
const openShop = async (each = 30) => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  system.startWorkers();
  const client = createClient(url, keys.admin);
  const products = kinds.map((name) => Array.from({ length: each }, () => ({ id: uuidv7(), name })));
  const answer = await client.ndjson(
    products.flat().map(({ id, name }, nth) => ({
      type: 'product',
      product_id: id,
      name: `${name} ${nth}`,
      price: '9.90',
    })),
  );
  expect(answer.json).toMatchObject({ rejected: 0 });
  await drain(system);
  const ids = products.map((row) => row.map(({ id }) => id));
  return { ...system, system, client, ids, readList: (user: string) => readList(system, user) };
};

/** A user's list as it is stored, products by id, best first. */
const readList = async ({ cache, prefix, db }: System, user: string) => {
  const packed = await cache.getBuffer(userListKey(prefix, user));
  const list = decodeList(packed);
  if (!list) return { alias: decodeAlias(packed), products: [] as string[], list };
  const rows = await db<{ number: number; product_id: string }>`
    select number, product_id from product_numbers
    where number = any(${list.entries.map(({ number }) => number)}::integer[])`;
  const idOf = new Map(rows.map(({ number, product_id }) => [number, product_id]));
  return {
    alias: undefined,
    list,
    products: list.entries.filter(({ known }) => !known).map(({ number }) => idOf.get(number) as string),
  };
};

/** Of which kind most of the first ten are. */
const leading = (ids: readonly string[][], products: readonly string[]): number => {
  const votes = ids.map((kind) => products.slice(0, 10).filter((id) => kind.includes(id)).length);
  return votes.indexOf(Math.max(...votes));
};

test('one click makes a personal list within a second of the 202', { timeout: 60_000 }, async () => {
  const { client, ids, readList } = await openShop();
  // The first list of a process starts its threads.
  await client.post('/v1/interactions', { user_id: uuidv7(), product_id: ids[0]?.[0], event_type: 'view' });
  for (const kind of [1, 2, 3]) {
    const user = uuidv7();
    const clicked = ids[kind]?.[3] as string;
    const { status } = await client.post('/v1/interactions', {
      user_id: user,
      product_id: clicked,
      event_type: 'click',
    });
    expect(status).toBe(202);
    const answered = performance.now();
    const products = await eventually(
      async () => {
        const { products } = await readList(user);
        expect(products.length).toBeGreaterThan(0);
        return products;
      },
      kind === 1 ? 10_000 : 1_000,
    );
    expect(kind === 1 || performance.now() - answered < 1_000).toBe(true);
    expect(leading(ids, products)).toBe(kind);
    expect(products).not.toContain(clicked);
  }
});

test('a purchase outranks a view, is not offered again, and a refund undoes it', {
  timeout: 60_000,
}, async () => {
  const { system, client, ids, readList } = await openShop();
  const user = uuidv7();
  const order_id = uuidv7();
  const bought = ids[2]?.[0] as string;
  await client.post(
    '/v1/interactions',
    [0, 1].map((nth) => ({ user_id: user, product_id: ids[0]?.[nth], event_type: 'view' })),
  );
  await drain(system);
  expect(leading(ids, (await readList(user)).products)).toBe(0);
  await client.post('/v1/purchases', {
    user_id: user,
    order_id,
    items: [{ product_id: bought, unit_price: '9.90' }],
  });
  await drain(system);
  const after = await readList(user);
  expect(leading(ids, after.products)).toBe(2);
  expect(after.products).not.toContain(bought);
  expect(after.list?.known).toHaveLength(1);
  await client.patch(`/v1/purchases/${order_id}`, { payment_status: 'refunded' });
  await drain(system);
  const refunded = await readList(user);
  expect(leading(ids, refunded.products)).toBe(0);
  expect(refunded.list?.known).toEqual([]);
});

test('a rating below the middle speaks against its like', { timeout: 60_000 }, async () => {
  const { system, client, ids, readList } = await openShop();
  const user = uuidv7();
  await client.post('/v1/interactions', { user_id: user, product_id: ids[1]?.[0], event_type: 'view' });
  await client.post('/v1/reviews', { user_id: user, product_id: ids[3]?.[0], rating: 5 });
  await drain(system);
  expect(leading(ids, (await readList(user)).products)).toBe(3);
  await client.post('/v1/reviews', { user_id: user, product_id: ids[3]?.[0], rating: 1 });
  await drain(system);
  const { products } = await readList(user);
  expect(leading(ids, products)).toBe(1);
});

test('what a visitor did counts for the person, and erasure takes the lists of both away', {
  timeout: 60_000,
}, async () => {
  const { system, client, ids, readList, cache, prefix } = await openShop();
  const [visitor, person] = [uuidv7(), uuidv7()];
  await client.post('/v1/interactions', { user_id: visitor, product_id: ids[1]?.[0], event_type: 'click' });
  await client.put(`/v1/users/${person}`, {});
  await drain(system);
  expect((await readList(person)).products).toEqual([]);
  await client.post(`/v1/users/${person}/merge`, { from_user_id: visitor });
  await drain(system);
  expect(leading(ids, (await readList(person)).products)).toBe(1);
  expect((await readList(visitor)).alias).toBe(person);
  await client.delete(`/v1/users/${visitor}`);
  await drain(system);
  expect(await cache.exists(userListKey(prefix, visitor), userListKey(prefix, person))).toBe(0);
});

test('a visit leads to the list of who made it, through sign-in, a lost cache and erasure', {
  timeout: 60_000,
}, async () => {
  const { system, client, ids, cache, prefix, db, parts } = await openShop();
  const [visitor, person, session] = [uuidv7(), uuidv7(), uuidv7()];
  const offered = async (user: string, visit = session) => {
    const { json } = await client.get(`/v1/users/${user}/recommendations?k=10&session_id=${visit}`);
    return (json.items as { product_id: string; source: string }[])
      .filter(({ source }) => source !== 'popular')
      .map(({ product_id }) => product_id);
  };
  const owner = async (visit = session) => decodeAlias(await cache.getBuffer(sessionKey(prefix, visit)));
  const click = (user_id: string, session_id: string, kind: number, nth: number) =>
    client.post('/v1/interactions', {
      user_id,
      session_id,
      product_id: ids[kind]?.[nth],
      event_type: 'click',
    });

  await click(visitor, session, 1, 0);
  await click(visitor, session, 1, 1);
  await drain(system);
  expect(await owner()).toBe(visitor);
  // The page knows the visit and nothing else.
  expect(leading(ids, await offered(uuidv7()))).toBe(1);
  expect(await offered(uuidv7(), uuidv7())).toEqual([]);

  // Somebody signs in with a history of their own; whose visit it is is said, and stays said.
  await click(person, uuidv7(), 3, 0);
  await drain(system);
  expect(new Set((await offered(person)).map((id) => ids.findIndex((kind) => kind.includes(id))))).toEqual(
    new Set([1, 3]),
  );
  await client.put(`/v1/sessions/${session}`, { user_id: person });
  await click(visitor, session, 1, 2);
  await drain(system);
  expect(await owner()).toBe(person);

  // The cache is lost: whoever makes every list anew finds today's visits again, those that nobody was told of as well.
  const untold = uuidv7();
  await click(visitor, untold, 1, 3);
  await drain(system);
  await cache.unlink([session, untold].map((visit) => sessionKey(prefix, visit)));
  expect(await owner()).toBeUndefined();
  await refreshEveryList(parts, null, async () => {});
  expect([await owner(), await owner(untold)]).toEqual([person, visitor]);

  await client.post(`/v1/users/${person}/merge`, { from_user_id: visitor });
  await drain(system);
  expect(await owner(untold)).toBe(person);
  expect(leading(ids, await offered(uuidv7(), untold))).toBe(1);
  await client.delete(`/v1/users/${person}`);
  await drain(system);
  expect([await owner(), await owner(untold)]).toEqual([undefined, undefined]);
  expect(await db`select from stale_keys where kind = 'list'`).toHaveLength(0);
  expect(await offered(uuidv7())).toEqual([]);
});

test('a list made from older signals never replaces a newer one, nor brings an erased one back', {
  timeout: 60_000,
}, async () => {
  const { system, parts, db, client, ids, readList, cache, prefix } = await openShop();
  const user = uuidv7();
  await client.post('/v1/interactions', { user_id: user, product_id: ids[0]?.[0], event_type: 'click' });
  await drain(system);
  const newer = await readList(user);
  await client.post(
    '/v1/interactions',
    [1, 2, 3].map((nth) => ({ user_id: user, product_id: ids[2]?.[nth], event_type: 'wishlist' })),
  );
  await drain(system);
  const newest = await cache.getBuffer(userListKey(prefix, user));
  if (!newer.list) throw new Error('no list');
  // A refresh that read before and was held up.
  await writeLists(cache, prefix, [{ userId: user, list: newer.list }], { ttlSeconds: 100 });
  expect(await cache.getBuffer(userListKey(prefix, user))).toEqual(newest);

  // Erased between its reading and its writing.
  const { vectors } = parts;
  const lists = createListMaker({
    ...parts,
    vectors: {
      get manifest() {
        return vectors.manifest;
      },
      open: (manifest) => vectors.open(manifest),
      vectors: (numbers) => vectors.vectors(numbers),
      close: () => vectors.close(),
      async search(queries, options) {
        await client.delete(`/v1/users/${user}`);
        await drain(system);
        return vectors.search(queries, options);
      },
    },
  });
  try {
    await lists.refresh([{ id: user }]);
  } finally {
    await lists.close();
  }
  expect(await cache.exists(userListKey(prefix, user))).toBe(0);
  await db`insert into dirty_keys (kind, key) values ('list', ${user})`;
  await performJob(refreshUsers, handleRefreshUsers, {}, parts);
  expect(await cache.exists(userListKey(prefix, user))).toBe(0);
});

test('lists made by two processes in turn, or lost between, are what they are made from everything', {
  timeout: 60_000,
}, async () => {
  const { parts, db, cache, prefix, config } = await setup();
  const products = await insertProducts(db, 8);
  const users = Array.from({ length: 5 }, () => uuidv7());
  await db`insert into users (user_id, is_anonymous, is_active) select id, false, true from unnest(${users}::uuid[]) as id`;
  const random = createRandom(3, 'in turn');
  const makers = [parts.lists, createListMaker(parts)];
  const anew = createListMaker({ ...parts, config: { ...config, REDIS_PREFIX: `${prefix}-anew` } });
  onTestFinished(async () => {
    await makers[1]?.close();
    await anew.close();
  });
  const signalsOf = (of: string) =>
    Promise.all(
      users.map(async (user) => {
        const list = decodeList(await cache.getBuffer(userListKey(of, user)));
        return { user, known: list?.known, signals: list?.signals };
      }),
    );
  for (let step = 0; step < 80; step += 1) {
    const [user, product] = [random.pick(users), random.pick(products)];
    if (random.chance(0.1))
      await db`
        insert into purchase_history (user_id, product_id, unit_price, total_price) values (${user}, ${product}, 1, 1)`;
    else
      await db`
        insert into interactions (user_id, product_id, event_type) select ${user}, ${product}, ${random.pick(['view', 'click'])}
        from generate_series(1, ${random.int(1, 3)})`;
    const lost = random.chance(0.1) ? random.pick(users) : undefined;
    if (lost) await cache.unlink(userListKey(prefix, lost));
    await performJob(refreshUsers, handleRefreshUsers, {}, { ...parts, lists: random.pick(makers) });
    if (lost) await db`insert into dirty_keys (kind, key) values ('list', ${lost})`;
    if (step % 10 !== 9) continue;
    await performJob(refreshUsers, handleRefreshUsers, {}, { ...parts, lists: random.pick(makers) });
    await anew.refresh(users.map((id) => ({ id })));
    expect(await signalsOf(prefix)).toEqual(await signalsOf(`${prefix}-anew`));
  }
});
