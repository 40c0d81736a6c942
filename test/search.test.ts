import { v7 as uuidv7 } from 'uuid';
import { expect, inject, test } from 'vitest';
import { refreshSimilar } from '../jobs/refresh-similar.ts';
import { similarKey } from '../src/serving/similar-lists.ts';
import { handleRefreshSimilar } from '../workers/refresh-similar.ts';
import { createClient } from './support/client.ts';
import { adminQuery } from './support/database.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { performJob } from './support/perform-job.ts';
import { setup } from './support/setup.ts';

interface Item {
  product_id: string;
  score: number;
  source: string;
}

const start = async (env: Record<string, string> = {}) => {
  const system = await setup(env);
  const workers = system.startWorkers();
  const { url, keys } = await system.startApi();
  const write = createClient(url, keys.write);
  const read = createClient(url, keys.read);
  const put = async (name: string, fields: Record<string, unknown> = {}): Promise<string> => {
    const id = uuidv7();
    const { status } = await write.put(`/v1/products/${id}`, { name, ...fields });
    expect(status).toBe(202);
    return id;
  };
  const items = async (path: string): Promise<Item[]> => {
    const answer = await read.get(path);
    expect(answer.status, answer.text).toBe(200);
    return answer.json.items;
  };
  const ids = async (path: string) => (await items(path)).map(({ product_id }) => product_id);
  /** Everything is applied, embedded, published, and loaded by the API. */
  const settled = async () => {
    await drain(system);
    await eventually(async () => {
      const [serving] = await system.db<{ generation: number }>`
        select generation from vector_indexes where serving`;
      expect(system.vectors.manifest?.generation).toBe(serving?.generation);
    });
  };
  return { ...system, workers, write, read, put, items, ids, settled };
};

/** A small shop of two shelves. */
const fill = async ({ write, put }: Awaited<ReturnType<typeof start>>) => {
  await write.put('/v1/categories/cables', { name: 'Cables' });
  await write.put('/v1/categories/usb-cables', { name: 'USB cables', parent_slug: 'cables' });
  await write.put('/v1/categories/kitchen', { name: 'Kitchen' });
  const cables = [];
  for (let n = 0; n < 12; n += 1) {
    cables.push(
      await put(`Braided USB-C charging cable ${n + 1} m`, {
        category_slug: 'usb-cables',
        price: `${100 + 10 * n}.50`,
        brand: 'Wirely',
        long_description: 'Charges a phone and moves data, nylon braided.',
        ...(n === 0 && { sku: 'WIRE-001' }),
      }),
    );
  }
  const pots = [];
  for (let n = 0; n < 12; n += 1) {
    pots.push(
      await put(`Stainless steel cooking pot ${n + 1} l`, {
        category_slug: 'kitchen',
        price: `${1000 + n}`,
        brand: 'Kettela',
        long_description: 'A heavy pot for rice, soup and curry. With a cable hook.',
      }),
    );
  }
  return { cables, pots };
};

test('search finds by words, with typos, by name and by code, within exact filters, and follows what changes', async () => {
  const system = await start();
  const { read, write, items, ids, settled, put } = system;
  const { cables, pots } = await fill(system);
  await settled();
  const [cable = '', other = ''] = cables;
  const [pot = ''] = pots;

  for (const q of ['charging cable', 'chargng cabel', 'braided usb'])
    expect(
      (await ids(`/v1/search?k=5&q=${encodeURIComponent(q)}`)).every((id) => cables.includes(id)),
      q,
    ).toBe(true);
  expect(await ids('/v1/search?q=wire-001&k=1')).toEqual([cable]);
  expect(await ids(`/v1/search?k=1&q=${encodeURIComponent('stainless STEEL cooking pot 1 l')}`)).toEqual([
    pot,
  ]);
  const [best] = await items('/v1/search?q=braided%20charging&k=1&expand=product');
  expect(best).toMatchObject({
    rank: 1,
    source: 'both',
    product: { category_slug: 'usb-cables', brand: 'Wirely' },
  });

  // The best matches all lie outside of the filter.
  const cheapPots = await ids('/v1/search?q=braided+charging+cable&category=kitchen&max_price=1002&k=100');
  expect([...cheapPots].sort()).toEqual(pots.slice(0, 3).sort());
  const within = await ids(
    '/v1/search?q=steel+cooking+pot+cable&category=cables&min_price=110.50&max_price=120.50',
  );
  expect([...within].sort()).toEqual(cables.slice(1, 3).sort());
  expect(await ids('/v1/search?q=cable&min_price=110.51&max_price=110.52')).toEqual([]);

  expect((await read.get('/v1/search?q=x&category=nowhere')).status).toBe(404);
  const bounds = await read.get('/v1/search?q=x&min_price=5&max_price=4.99');
  expect(bounds.status).toBe(400);
  expect(bounds.json.errors).toEqual([expect.objectContaining({ path: '/min_price' })]);
  for (const bad of ['q=', 'q=%20', `q=${'x'.repeat(501)}`, 'q=a&k=101', 'q=a&user_id=me', 'q=a&what=1'])
    expect((await read.get(`/v1/search?${bad}`)).status, bad).toBe(400);
  expect((await read.get('/v1/search?q=%27%22%28%26%7C%21%3A%2A%5C')).status).toBe(200);

  await write.delete(`/v1/products/${other}`);
  await write.patch(`/v1/products/${pot}`, { name: 'Zirconium teapot' });
  const added = await put('Xylophone for children');
  await settled();
  expect(await ids('/v1/search?q=charging+cable&k=100')).not.toContain(other);
  expect(await ids('/v1/search?q=zirconium&k=1')).toEqual([pot]);
  expect(await ids('/v1/search?q=xylofone&k=1')).toEqual([added]);
});

test('similar products come from stored lists and follow edits; hidden ones are gone at the next read', async () => {
  const system = await start();
  const { cache, prefix, read, write, ids, settled, db, workers, vectors } = system;
  const { cables, pots } = await fill(system);
  const [cable = '', other = '', third = ''] = cables;
  await settled();
  const similar = `/v1/products/${cable}/similar`;
  const near = await ids(`${similar}?k=5`);
  expect(near).toHaveLength(5);
  expect(near.every((id) => cables.includes(id) && id !== cable)).toBe(true);
  const [row] = await db<{ number: number }>`select number from product_numbers where product_id = ${cable}`;
  const key = similarKey(prefix, row?.number ?? 0);
  expect((await cache.getBuffer(key))?.length).toBe(4 + 8 * 23);

  // Within a category the list does not reach, the index answers, with all there are.
  expect([...(await ids(`${similar}?k=100&category=kitchen`))].sort()).toEqual([...pots].sort());
  expect((await read.get(`${similar}?category=nowhere`)).status).toBe(404);
  expect((await read.get(`/v1/products/${uuidv7()}/similar`)).status).toBe(404);

  await write.patch(`/v1/products/${other}`, {
    name: 'Stainless steel cooking pot 99 l',
    long_description: 'A heavy pot for rice, soup and curry.',
    category_slug: 'kitchen',
    brand: 'Kettela',
  });
  await settled();
  expect((await ids(`/v1/products/${other}/similar?k=5`)).every((id) => pots.includes(id))).toBe(true);
  expect((await ids(`${similar}?k=10`)).includes(other)).toBe(false);
  expect((await ids(`/v1/products/${pots[0]}/similar?k=12`)).includes(other)).toBe(true);

  await write.delete(`/v1/products/${third}`);
  await drain(system);
  expect(await ids(`${similar}?k=100`)).not.toContain(third);

  // Flushed, the index answers and the list is back.
  await cache.unlink(key);
  const before = await ids(`${similar}?k=5`);
  await eventually(async () => expect(await cache.exists(key)).toBe(1));
  expect(await ids(`${similar}?k=5`)).toEqual(before);

  // Nobody tells of a product any more; that the tables have it is enough not to deny it.
  await workers.close();
  const quiet = uuidv7();
  await db`insert into products (product_id, name) values (${quiet}, 'A cable nobody was told of')`;
  expect(await ids(`/v1/products/${quiet}/similar`)).toEqual([]);
  expect((await read.get(`/v1/products/${quiet}/similar?category=nowhere`)).status).toBe(404);

  // Without an index the stored lists go on; what is not stored comes from nowhere else.
  await vectors.close();
  expect(await ids(`${similar}?k=5`)).toEqual(before);
  await cache.unlink(key);
  expect((await read.get(similar)).status).toBe(503);
});

test('with PostgreSQL away search goes by meaning alone, without an index by words alone, without both not at all', async () => {
  const system = await start();
  const { ids, settled, items, vectors, read, workers, databaseUrl } = system;
  const { cables } = await fill(system);
  await settled();
  await workers.close();
  const path = '/v1/search?q=charging+cable&k=5';
  const ownCables = (found: Item[], source: string) => {
    expect(found).toHaveLength(5);
    for (const item of found) expect(cables.includes(item.product_id) && item.source === source).toBe(true);
  };
  ownCables(await items(path), 'both');

  const name = new URL(databaseUrl).pathname.slice(1);
  const allowConnections = (allowed: boolean) =>
    adminQuery(inject('postgresUrl'), `alter database ${name} with allow_connections ${allowed}`);
  const cutPostgres = async () => {
    await allowConnections(false);
    await adminQuery(
      inject('postgresUrl'),
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
    );
  };
  await cutPostgres();
  ownCables(await items(path), 'semantic');
  expect(await ids(`/v1/products/${cables[0]}/similar?k=5`)).toHaveLength(5);

  await allowConnections(true);
  await vectors.close();
  await eventually(async () => ownCables(await items(path), 'lexical'));
  await cutPostgres();
  expect((await read.get(path)).status).toBe(503);
});

test('lists are made around what changed, and all of them when Redis lost them or the model is another', async () => {
  const system = await start();
  const { cache, prefix, db, parts, settled, workers } = system;
  const { cables } = await fill(system);
  await settled();
  await workers.close();
  const numbers = (await db<{ number: number }>`select number from product_numbers`).map((row) => row.number);
  const keys = numbers.map((number) => similarKey(prefix, number));
  expect(await cache.exists(...keys)).toBe(24);

  const mark = (id: string) => db`insert into dirty_keys (kind, key) values ('similar', ${id})`;
  const refresh = () => performJob(refreshSimilar, handleRefreshSimilar, {}, parts);
  const [cable = ''] = cables;
  const [own] = await db<{ number: number }>`select number from product_numbers where product_id = ${cable}`;
  await cache.unlink(...keys);
  await mark(cable);
  await refresh();
  // Its own list and those of its neighbours: here that is everybody it has anything in common with.
  expect(await cache.exists(similarKey(prefix, own?.number ?? 0))).toBe(1);

  await cache.unlink(...keys, `${prefix}:similar-lists`);
  await mark(cable);
  await refresh();
  expect(await cache.exists(...keys)).toBe(24);
  expect(await cache.hget(`${prefix}:similar-lists`, 'basis')).toBe('hashed-ngrams-v1 0');
  expect(await db`select from dirty_keys where kind = 'similar'`).toHaveLength(0);

  // Stopped in the middle, nothing is forgotten.
  await cache.unlink(...keys, `${prefix}:similar-lists`);
  await mark(cable);
  await performJob(refreshSimilar, handleRefreshSimilar, {}, parts, { signal: AbortSignal.abort() });
  expect(await db`select from dirty_keys where kind = 'similar'`).toHaveLength(1);
  await refresh();
  expect(await cache.exists(...keys)).toBe(24);
});
