import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { createClient } from '../../test/support/client.ts';
import { drain } from '../../test/support/drain.ts';
import { eventually } from '../../test/support/eventually.ts';
import { startOwnRedis } from '../../test/support/own-redis.ts';
import { setup } from '../../test/support/setup.ts';
import {
  type ListEntry,
  type UserList,
  writeAliases,
  writeLists,
  writeSessions,
} from '../serving/user-list.ts';

interface Item {
  rank: number;
  product_id: string;
  score: number;
  source: string;
  reason: string;
  product?: { name: string };
}

/** A shop of two shelves, indexed; from then on nothing runs but the API, so lists are what the test writes. */
const start = async (env: Record<string, string> = {}) => {
  const system = await setup(env);
  const { db, cache, prefix, parts } = system;
  const workers = system.startWorkers();
  const filling = await system.startApi();
  const filler = createClient(filling.url, filling.keys.write);
  await filler.put('/v1/categories/cables', { name: 'Cables' });
  await filler.put('/v1/categories/usb-cables', { name: 'USB cables', parent_slug: 'cables' });
  await filler.put('/v1/categories/kitchen', { name: 'Kitchen' });
  const put = async (name: string, fields: Record<string, unknown>) => {
    const id = uuidv7();
    expect((await filler.put(`/v1/products/${id}`, { name, ...fields })).status).toBe(202);
    return id;
  };
  const cables: string[] = [];
  const pots: string[] = [];
  for (let n = 0; n < 8; n += 1) {
    cables.push(
      await put(`Braided USB-C charging cable ${n + 1} m`, {
        category_slug: 'usb-cables',
        price: `${100 + n}`,
      }),
    );
    pots.push(
      await put(`Stainless steel cooking pot ${n + 1} l`, { category_slug: 'kitchen', price: `${500 + n}` }),
    );
  }
  const buyers = pots.flatMap((product_id, at) =>
    Array.from({ length: 10 - at }, () => ({ user_id: uuidv7(), product_id, event_type: 'view' })),
  );
  expect((await filler.post('/v1/interactions', buyers)).status).toBe(202);
  await drain(system);
  await workers.close();
  await filling.close();
  // What is popular is read at the start, and every few seconds after that; it decides what comes first.
  const { url, keys } = await system.startApi();
  const write = createClient(url, keys.write);
  const read = createClient(url, keys.read);
  const admin = createClient(url, keys.admin);
  await eventually(() => expect(parts.vectors.manifest?.count).toBe(16));
  const rows = await db<{
    product_id: string;
    number: number;
  }>`select product_id, number from product_numbers`;
  const numbers = new Map(rows.map(({ product_id, number }) => [product_id, number]));
  const numberOf = (id: string | undefined) => numbers.get(id ?? '') as number;
  const entry = (id: string | undefined, fields: Partial<ListEntry> = {}): ListEntry => ({
    number: numberOf(id),
    collaborative: 0,
    content: 0,
    known: false,
    reason: 'profile',
    because: 0,
    ...fields,
  });
  let version = Date.now() * 1_000;
  const give = async (userId: string, fields: Partial<UserList>) => {
    version += 1;
    const list = { version, modelVersion: 3, generation: 1, entries: [], signals: [], known: [], ...fields };
    await writeLists(cache, prefix, [{ userId, list }], { ttlSeconds: 1_000 });
  };
  const ask = async (userId: string, query = '') => {
    const answer = await read.get(`/v1/users/${userId}/recommendations?${query}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json as { items: Item[]; [field: string]: unknown };
  };
  const ids = async (userId: string, query = '') =>
    (await ask(userId, query)).items.map(({ product_id }) => product_id);
  expect(await ids(uuidv7(), 'k=8')).toEqual(pots);
  return {
    ...system,
    read,
    write,
    admin,
    cables,
    pots,
    numberOf,
    entry,
    give,
    ask,
    ids,
    nextVersion: () => ++version,
  };
};

test('a stored list is blended, filtered and explained as asked, and filled with popular products', async () => {
  const { cables, pots, entry, numberOf, give, ask, ids, read, db } = await start();
  const user = uuidv7();
  const [bought = '', liked = '', both = '', known = ''] = cables;
  const [pot = ''] = pots;
  await give(user, {
    entries: [
      entry(liked, { collaborative: 0.1, content: 1 }),
      entry(pot, { collaborative: 1, content: 0, reason: 'bought', because: numberOf(bought) }),
      entry(both, { collaborative: 0.5, content: 0.9, reason: 'viewed', because: numberOf(bought) }),
      entry(known, { collaborative: 0.9, content: 0.9, known: true }),
    ],
    signals: [{ number: numberOf(bought), weight: 1, reason: 'bought' }],
    known: [bought, known].map(numberOf),
  });

  const plain = await ask(user, 'k=3');
  expect(plain).toMatchObject({
    user_id: user,
    type: 'hybrid',
    alpha: 0.6,
    k: 3,
    query: null,
    cohort: null,
    model_version: 3,
  });
  expect(Date.parse(plain.generated_at as string)).toBeGreaterThan(Date.now() - 60_000);
  expect(plain.items.map(({ product_id, source, reason }) => [product_id, source, reason])).toEqual([
    [both, 'hybrid', `because you viewed ${bought}`],
    [pot, 'collaborative', `because you bought ${bought}`],
    [liked, 'hybrid', 'fits what you like'],
  ]);
  expect(plain.items.map(({ rank }) => rank)).toEqual([1, 2, 3]);
  expect(plain.items[0]?.score).toBeCloseTo(0.6 * 0.5 + 0.4 * 0.9, 3);
  expect((await ask(user, 'k=1&expand=product')).items[0]).toMatchObject({
    reason: 'because you viewed Braided USB-C charging cable 1 m',
    product: { name: 'Braided USB-C charging cable 3 m' },
  });

  expect(await ids(user, 'k=3&alpha=0')).toEqual(await ids(user, 'k=3&type=content'));
  expect(await ids(user, 'k=2&alpha=0')).toEqual([liked, both]);
  expect(await ids(user, 'k=3&type=collaborative')).toEqual([pot, both, liked]);
  expect((await ask(user, 'k=1&type=collaborative')).alpha).toBe(1);
  expect(await ids(user, 'k=4&exclude_purchased=false')).toEqual([known, both, pot, liked]);
  expect(await ids(user, `k=2&exclude=${both},${uuidv7()}&exclude=${pot}`)).not.toContain(both);
  expect(await ids(user, 'k=3&type=popular')).toEqual(pots.slice(0, 3));

  // k items wherever k exist, none of them known; popular ones last.
  const all = await ask(user, 'k=100');
  expect(new Set(all.items.map(({ product_id }) => product_id)).size).toBe(14);
  expect(all.items.map(({ product_id }) => product_id)).not.toContain(bought);
  expect(all.items.map(({ score }) => score)).toEqual(
    all.items.map(({ score }) => score).sort((a, b) => b - a),
  );
  expect(await ids(user, 'k=100&exclude_purchased=false')).toHaveLength(16);
  const kitchen = await ask(user, 'k=2&category=kitchen&type=collaborative');
  expect(kitchen.items.map(({ product_id }) => product_id)).toEqual([pot, pots[1]]);
  expect(kitchen.items[1]).toMatchObject({ source: 'popular', reason: 'popular in kitchen' });
  expect((await ids(user, 'k=10&category=cables&min_price=104&max_price=105')).sort()).toEqual(
    cables.slice(4, 6).sort(),
  );

  for (const bad of [
    'k=0',
    'k=101',
    'alpha=2',
    'alpha=',
    'alpha=x',
    'diversity=-1',
    'exclude=nobody',
    'type=best',
    'typ=popular',
    'query=%20',
    'session_id=1',
    'min_price=5&max_price=4',
    'exclude_purchased=maybe',
  ])
    expect((await read.get(`/v1/users/${user}/recommendations?${bad}`)).status, bad).toBe(400);
  expect((await read.get(`/v1/users/${user}/recommendations?category=nothing`)).status).toBe(404);
  expect((await read.get('/v1/users/nobody/recommendations')).status).toBe(400);
  expect(await db`select from users where user_id = ${user}`).toHaveLength(0);
});

test('a query or a narrow filter is answered from the index, in the order that is the user’s', async () => {
  const { cables, pots, numberOf, entry, give, ask, ids, read } = await start();
  const user = uuidv7();
  const [bought = ''] = cables;
  await give(user, {
    entries: [entry(pots[3], { content: 0.2 })],
    signals: [{ number: numberOf(bought), weight: 1, reason: 'bought' }],
    known: [numberOf(bought)],
  });
  const narrow = await ask(user, 'k=5&category=cables');
  expect(
    narrow.items.every(({ product_id, source }) => cables.includes(product_id) && source === 'content'),
  ).toBe(true);
  expect(narrow.items.map(({ product_id }) => product_id)).not.toContain(bought);
  // Not popular, and yet before what is: the profile is all about cables.
  expect((await ids(user, 'k=4')).slice(1).every((id) => cables.includes(id))).toBe(true);

  const typed = await ask(user, 'k=3&query=steel+pot');
  expect(typed).toMatchObject({ query: 'steel pot' });
  expect(typed.items.every(({ product_id }) => pots.includes(product_id))).toBe(true);
  expect(typed.items[0]).toMatchObject({ source: 'semantic', reason: 'similar meaning' });
  expect(await ids(uuidv7(), 'k=3&query=charging+cable')).toHaveLength(3);
  expect((await ids(user, `k=8&query=charging+cable&exclude=${cables[1]}`)).slice(0, 6).sort()).toEqual(
    cables.slice(2).sort(),
  );

  // Of what is equally meant, a user who likes one shelf sees it first.
  const cook = uuidv7();
  await give(cook, { signals: [{ number: numberOf(pots[0]), weight: 1, reason: 'viewed' }] });
  const search = async (who: string) => {
    const { json } = await read.get(`/v1/search?q=braided+stainless&k=16&user_id=${who}`);
    return (json.items as Item[]).map(({ product_id }) => product_id);
  };
  expect(cables).toContain((await search(user))[0]);
  expect(pots).toContain((await search(cook))[0]);
  expect((await search(user)).sort()).toEqual((await search(cook)).sort());
});

test('diversity puts what is alike apart', async () => {
  const { cables, pots, entry, give, ids } = await start();
  const user = uuidv7();
  await give(user, {
    entries: [...cables, ...pots].map((id, at) => entry(id, { collaborative: 1 - at / 100 })),
  });
  const shelves = (list: string[]) => list.map((id) => cables.includes(id));
  expect(shelves(await ids(user, 'k=4'))).toEqual([true, true, true, true]);
  expect(shelves(await ids(user, 'k=4&diversity=0.7'))).toContain(false);
  expect((await ids(user, 'k=4&diversity=0.7'))[0]).toBe(cables[0]);
});

test('what is hidden is gone at the next read, from the list and from what fills it', async () => {
  const { cables, pots, entry, give, ids, startWorkers, write, db } = await start();
  const user = uuidv7();
  await give(user, { entries: [entry(cables[0], { collaborative: 1 })] });
  expect(await ids(user, 'k=2')).toEqual([cables[0], pots[0]]);
  startWorkers();
  await write.delete(`/v1/products/${cables[0]}`);
  await write.delete(`/v1/products/${pots[0]}`);
  await eventually(async () =>
    expect(await db`select from dirty_keys where kind = 'catalogue'`).toHaveLength(0),
  );
  await eventually(async () => expect(await ids(user, 'k=2')).toEqual([pots[1], pots[2]]));
  expect(await ids(uuidv7(), 'k=1')).toEqual([pots[1]]);
});

test('the list of a person answers for their merged id; that of a session does, and joins theirs', async () => {
  const { cables, entry, give, ids, cache, prefix, nextVersion, numberOf } = await start();
  const [person, visitor, stranger, session] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
  await give(person, { entries: [entry(cables[5], { collaborative: 1 })] });
  await give(visitor, { entries: [entry(cables[6], { collaborative: 1 })] });
  expect(await ids(visitor, 'k=1')).toEqual([cables[6]]);
  await writeSessions(cache, prefix, [{ sessionId: session, userId: visitor, version: nextVersion() }]);
  expect(await ids(stranger, `k=1&session_id=${session}`)).toEqual([cables[6]]);
  // Signed in, and this visit is not theirs yet: both count. What either has bought or looked at is not offered.
  expect((await ids(person, `k=2&session_id=${session}`)).sort()).toEqual([cables[5], cables[6]].sort());
  await give(visitor, {
    entries: [entry(cables[6], { collaborative: 1 }), entry(cables[5], { collaborative: 0.5 })],
    signals: [{ number: numberOf(cables[7]), weight: 1, reason: 'viewed' }],
  });
  await give(person, {
    entries: [
      entry(cables[5], { collaborative: 0.8 }),
      entry(cables[4], { collaborative: 1 }),
      entry(cables[7], { collaborative: 1 }),
    ],
    known: [numberOf(cables[6])],
  });
  const joined = await ids(person, `k=3&session_id=${session}`);
  expect(joined.slice(0, 2)).toEqual([cables[5], cables[4]]);
  expect(joined).not.toContain(cables[7]);
  expect(joined).not.toContain(cables[6]);

  await writeAliases(cache, prefix, [{ userId: visitor, personId: person, version: nextVersion() }], {
    ttlSeconds: 100,
  });
  expect(await ids(visitor, 'k=1')).toEqual([cables[4]]);
  expect(await ids(person, `k=1&session_id=${session}`)).toEqual([cables[4]]);
});

test('somebody without a list gets popular products, and a list is asked for once', async () => {
  const { pots, ids, producer, give } = await start();
  const [unknown, empty, last] = [uuidv7(), uuidv7(), uuidv7()];
  await give(empty, {});
  for (const user of [unknown, empty, unknown, last])
    expect(await ids(user, 'k=2')).toEqual(pots.slice(0, 2));
  const asked = async () => {
    const jobs = (await producer.queues.get('recommendations')?.getWaiting()) ?? [];
    return jobs
      .filter(({ name }) => name === 'request-lists')
      .flatMap(({ data }) => data.user_ids as string[]);
  };
  await eventually(async () => expect(await asked()).toContain(last));
  const users = await asked();
  expect(users.filter((user) => user === unknown)).toHaveLength(1);
  expect(users).not.toContain(empty);
});

test('while the lists cannot be reached, popular products are answered, and quickly', async () => {
  const redis = await startOwnRedis();
  const { pots, entry, cables, give, ids } = await start({ REDIS_CACHE_URL: redis.url });
  const user = uuidv7();
  await give(user, { entries: [entry(cables[0], { collaborative: 1 })] });
  expect(await ids(user, 'k=1')).toEqual([cables[0]]);
  await redis.kill();
  const began = performance.now();
  expect(await ids(user, 'k=2')).toEqual(pots.slice(0, 2));
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('in a test the cohort decides, and every answer is logged with what it was made from', async () => {
  const { cables, pots, entry, give, ask, ids, startWorkers, db, admin } = await start();
  const user = uuidv7();
  await give(user, {
    entries: [entry(cables[0], { collaborative: 1 }), entry(cables[1], { content: 1 })],
  });
  const { status } = await admin.put('/v1/experiments/order', {
    cohorts: [{ name: 'content', weight: 1, type: 'content' }],
    active: true,
  });
  expect(status).toBe(200);
  const answer = await ask(user, 'k=1&experiment=order&alpha=1');
  expect(answer).toMatchObject({ cohort: 'content', type: 'content', alpha: 0 });
  expect(answer.items[0]?.product_id).toBe(cables[1]);
  expect((await ask(user, 'k=1&experiment=unknown')).cohort).toBeNull();
  expect(await ids(user, 'k=1')).not.toEqual(pots.slice(0, 1));
  startWorkers();
  await eventually(async () => {
    const rows = await db<{ request_context: Record<string, unknown> }>`
      select request_context from recommendation_logs where request_context ->> 'request_id' = ${answer.request_id as string}`;
    expect(rows[0]?.request_context).toMatchObject({
      type: 'content',
      alpha: 0,
      k: 1,
      cohort: 'content',
      model_version: 3,
    });
  });
});
