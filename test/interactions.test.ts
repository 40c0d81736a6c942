import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { recordInteractions } from '../jobs/record-interactions.ts';
import { createApiKey } from '../src/db/api-keys.ts';
import { createLog } from '../src/log.ts';
import { createProducer } from '../src/queue/producer.ts';
import { connectForRequests, ready } from '../src/queue/redis.ts';
import { createClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { countInteractions, insertProducts, interaction } from './support/shop.ts';
import { type RunningSystem, startSystem } from './support/system.ts';

/** Far beyond what any of this takes: it only tells late from never, on a machine that does other things as well. */
const patienceMs = 60_000;

type Fields = Record<string, unknown>;

/** A view as a caller sends it, without an id of its own. */
const view = (product_id: string, fields: Fields = {}): Fields => ({
  user_id: uuidv7(),
  product_id,
  event_type: 'view',
  ...fields,
});

const views = (count: number, product_id: string, fields: () => Fields = () => ({})): Fields[] =>
  Array.from({ length: count }, () => view(product_id, fields()));

const withId = () => ({ event_id: uuidv7() });

/** The same series with another event in the middle of it. */
const withOdd = <Event>(events: readonly Event[], odd: Event): Event[] => events.with(500, odd);

const insertProduct = (db: RunningSystem['db'], product_id: string) =>
  db`insert into products (product_id, name, available) values (${product_id}, 'late', true)`;

/** What the books of the intake say, as one scrape of `/metrics` shows them. */
const scrapeBooks = async ({ url, keys }: RunningSystem) => {
  const { text } = await createClient(url, keys.admin).get('/metrics');
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    accepted: value('zyra_intake_accepted_events_total'),
    settled: value('zyra_intake_settled_events_total'),
    open: value('zyra_intake_open_events'),
  };
};

const countIds = async ({ db }: RunningSystem): Promise<number> => {
  const [ledger] = await db<{ ids: number }>`select count(*)::integer as ids from processed_events`;
  return ledger?.ids ?? 0;
};

/** A system in which a test counts from where it begins. */
const countFromHere = async (system: RunningSystem) => {
  const { open, accepted, settled } = await scrapeBooks(system);
  expect(open).toBe(0);
  const before = { accepted, settled, rows: await countInteractions(system.db), ids: await countIds(system) };
  return { ...system, before };
};

type Counted = Awaited<ReturnType<typeof countFromHere>>;

/** Shared by the tests that need no settings of their own. */
let shared: RunningSystem;
let stopShared = async () => {};
beforeAll(async () => {
  shared = await startSystem({}, (stop) => {
    stopShared = stop;
  });
});
afterAll(() => stopShared(), 60_000);

const readBooks = async (system: Counted) => {
  const { accepted, settled, open } = await scrapeBooks(system);
  const { before } = system;
  return { accepted: accepted - before.accepted, settled: settled - before.settled, open };
};

const countRows = async ({ db, before }: Counted) => (await countInteractions(db)) - before.rows;

/** Wait until all that was accepted is settled; then exactly these events have had their effect, each once. */
const expectAppliedOnce = async (system: Counted, events: number): Promise<void> => {
  await eventually(async () => {
    expect(await countRows(system)).toBeGreaterThanOrEqual(events);
    expect((await readBooks(system)).open).toBe(0);
  }, patienceMs);
  expect(await countRows(system)).toBe(events);
  expect((await countIds(system)) - system.before.ids).toBe(events);
};

/** The same when nothing at all is left to do, with follow-up jobs and the training that so many events call for. */
const expectIdle = async (system: Counted, events: number): Promise<void> => {
  const admin = createClient(system.url, system.keys.admin);
  await eventually(
    async () => expect((await admin.get('/v1/admin/status')).json).toMatchObject({ idle: true }),
    3 * patienceMs,
  );
  await expectAppliedOnce(system, events);
};

/** A way into the queue that goes past the door, as an older version of the door might have left events there. */
const openQueue = async ({ servers }: RunningSystem) => {
  const redis = connectForRequests(servers.queue.url, createLog('test', 'silent'), 5_000);
  await ready(redis, 5_000);
  const producer = createProducer(redis, { prefix: 'zyra', timeoutMs: 5_000 });
  onTestFinished(() => producer.close());
  return producer;
};

test('the same 10,000 events posted three times at once from three clients are 10,000 rows', async () => {
  const system = await countFromHere(shared);
  const [product_id = ''] = await insertProducts(system.db, 1);
  const arrays = Array.from({ length: 20 }, () => views(500, product_id, withId));
  const clients = [0, 7, 13].map(async (first) => {
    const client = createClient(system.url, system.keys.write);
    // Each begins elsewhere, so that what meets is now the same array, now another.
    for (const events of [...arrays.slice(first), ...arrays.slice(0, first)]) {
      const answer = await client.post('/v1/interactions', events);
      expect(answer.status).toBe(202);
      expect(answer.json.event_ids).toEqual(events.map(({ event_id }) => event_id));
    }
  });
  await Promise.all(clients);
  await expectAppliedOnce(system, 10_000);
  await expectIdle(system, 10_000);
  expect(await readBooks(system)).toEqual({ accepted: 30_000, settled: 30_000, open: 0 });
}, 360_000);

test('an unknown product holds up only its own event, which is applied by itself when the product comes', async () => {
  const system = await countFromHere(shared);
  const { db, url, keys } = system;
  const [product_id = ''] = await insertProducts(db, 1);
  const late = { product_id: uuidv7(), ...withId() };
  const events = withOdd(views(1_000, product_id), view(late.product_id, late));
  expect((await createClient(url, keys.write).post('/v1/interactions', events)).status).toBe(202);

  const reader = createClient(url, keys.read);
  const state = async () => (await reader.get(`/v1/events/${late.event_id}`)).json;
  await eventually(
    async () => expect(await state()).toMatchObject({ state: 'waiting', reason: 'unknown_product' }),
    patienceMs,
  );
  await eventually(async () => expect(await countRows(system)).toBe(999), patienceMs);

  await insertProduct(db, late.product_id);
  await eventually(async () => expect(await state()).toMatchObject({ state: 'applied' }), patienceMs);
  await expectAppliedOnce(system, 1_000);
  expect((await reader.get(`/v1/events/${uuidv7()}`)).json).toMatchObject({ state: 'pending' });
}, 360_000);

test('when the product does not come, the event is parked with its reason and audited, and can still be replayed', async () => {
  const system = await countFromHere(await startSystem({ WAITING_MINUTES: '0.02' }));
  const { db, url, keys } = system;
  const [product_id = ''] = await insertProducts(db, 1);
  const late = { product_id: uuidv7(), ...withId() };
  const events = withOdd(views(1_000, product_id), view(late.product_id, late));
  expect((await createClient(url, keys.write).post('/v1/interactions', events)).status).toBe(202);

  const admin = createClient(url, keys.admin);
  const failed = async () => (await admin.get('/v1/admin/failed')).json.items;
  const [parked] = await eventually(async () => {
    const items = await failed();
    expect(items).toHaveLength(1);
    return items;
  }, patienceMs);
  expect(parked).toMatchObject({ event_id: late.event_id, state: 'failed', reason: 'unknown_product' });
  expect(parked.detail).toContain(late.product_id);
  expect((await admin.get(`/v1/events/${late.event_id}`)).json).toMatchObject({ state: 'failed' });
  const audited = await db`
    select severity, payload ->> 'reason' as reason from system_audit
    where payload ->> 'event_id' = ${late.event_id}`;
  expect(audited).toEqual([{ severity: 'error', reason: 'unknown_product' }]);
  expect(await countRows(system)).toBe(999);

  await insertProduct(db, late.product_id);
  const replay = await admin.post('/v1/admin/failed/replay', { all: true });
  expect(replay).toMatchObject({ status: 202, json: { replayed: 1 } });
  await expectAppliedOnce(system, 1_000);
  expect(await failed()).toEqual([]);
}, 360_000);

/** What PostgreSQL could not store: the field that holds it, and what it is mended to. */
const unstorable = [
  { what: 'a NUL', bad: { platform: 'we\0b' }, good: { platform: 'web' } },
  { what: 'a number out of range', bad: { event_value: `1${'0'.repeat(30)}` }, good: { event_value: '4.5' } },
];

test('what cannot be stored: arrays are refused whole, NDJSON line by line, in the queue it is parked and repaired', async () => {
  const system = await countFromHere(shared);
  const { db, url, keys } = system;
  const [product_id = ''] = await insertProducts(db, 1);
  const client = createClient(url, keys.write);
  const series = (bad: Fields) => withOdd(views(1_000, product_id), view(product_id, bad));

  for (const { what, bad } of unstorable) {
    const answer = await client.post('/v1/interactions', series(bad));
    expect(answer.status, what).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.json.errors, what).toEqual([
      { path: `/500/${Object.keys(bad)[0]}`, message: expect.any(String) },
    ]);
  }
  expect(await readBooks(system)).toEqual({ accepted: 0, settled: 0, open: 0 });

  for (const [round, { what, bad }] of unstorable.entries()) {
    const lines = series(bad).map((event) => ({ type: 'interaction', ...event }));
    const answer = await client.ndjson(lines);
    expect(answer.status, what).toBe(202);
    expect(answer.json, what).toEqual({
      accepted: 999,
      rejected: 1,
      errors: [{ line: 501, path: `/${Object.keys(bad)[0]}`, message: expect.any(String) }],
    });
    await expectAppliedOnce(system, (round + 1) * 999);
  }

  const admin = createClient(url, keys.admin);
  const producer = await openQueue(system);
  let applied = 2 * 999;
  for (const { what, bad, good } of unstorable) {
    const odd = interaction({ product_id, ...bad });
    const events = withOdd(
      Array.from({ length: 1_000 }, () => interaction({ product_id })),
      odd,
    );
    await producer.enqueue(recordInteractions, { events });
    await expectAppliedOnce(system, applied + 999);
    const { items } = (await admin.get('/v1/admin/failed')).json;
    expect(items, what).toMatchObject([{ event_id: odd.event_id, state: 'failed', payload: bad }]);

    const useless = { event_ids: [odd.event_id], patch: bad };
    expect((await admin.post('/v1/admin/failed/replay', useless)).status, what).toBe(400);
    const repair = { event_ids: [odd.event_id], patch: good };
    expect(await admin.post('/v1/admin/failed/replay', repair), what).toMatchObject({
      status: 202,
      json: { replayed: 1 },
    });
    applied += 1_000;
    await expectAppliedOnce(system, applied);
    expect((await admin.get('/v1/admin/failed')).json.items, what).toEqual([]);
    expect((await admin.get(`/v1/events/${odd.event_id}`)).json, what).toMatchObject({ state: 'applied' });
  }
  await expectIdle(system, applied);
}, 360_000);

test('an array sent twice with its Idempotency-Key counts once; another app’s same key is another', async () => {
  const system = await countFromHere(shared);
  const { db, url, keys } = system;
  const [product_id = ''] = await insertProducts(db, 1);
  const events = views(1_000, product_id);
  const other = (await createApiKey(db, { app: 'another-shop', scopes: ['write'] })).key;
  const send = (key: string, idempotencyKey = 'nightly-1') =>
    createClient(url, key).post('/v1/interactions', events, { 'idempotency-key': idempotencyKey });

  const answers = await Promise.all([send(keys.write), send(keys.write), send(other), send(other)]);
  answers.push(await send(keys.write));
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
  const [first, second, foreign, foreignAgain, later] = answers.map(({ json }) => json.event_ids);
  expect(second).toEqual(first);
  expect(later).toEqual(first);
  expect(foreignAgain).toEqual(foreign);
  expect(new Set([...first, ...foreign]).size).toBe(2_000);
  await expectAppliedOnce(system, 2_000);

  await send(keys.write, 'nightly-2');
  await expectAppliedOnce(system, 3_000);
}, 360_000);
