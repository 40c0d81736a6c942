import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { recordInteractions } from '../jobs/record-interactions.ts';
import { sweep } from '../jobs/sweep.ts';
import { arrival, createDoor } from '../src/api/door.ts';
import { type EventColumns, findEventState } from '../src/db/events.ts';
import { listParked } from '../src/db/parked-events.ts';
import type { Parts } from '../src/parts.ts';
import { checkedJobId } from '../src/queue/checked-by.ts';
import type { StoredEvent } from '../src/queue/define-job.ts';
import { toColumns } from '../src/queue/event-columns.ts';
import { eventually } from '../test/support/eventually.ts';
import { performJob } from '../test/support/perform-job.ts';
import { setup } from '../test/support/setup.ts';
import { countInteractions, insertProducts, interaction } from '../test/support/shop.ts';
import { handleRecordInteractions } from './record-interactions.ts';
import { handleSweep } from './sweep.ts';

type Events = Parameters<typeof toColumns>[1];

/** What the intake puts into the queue, and what it did before it knew columns and still does where an id is there twice. */
const shapes = [
  [
    'by column',
    (events: Events) => {
      const columns = toColumns(recordInteractions, events);
      return columns ? { columns } : { events: [...events] };
    },
    checkedJobId,
  ],
  ['one by one', (events: Events) => ({ events: [...events] }), uuidv7],
] as const;

describe.each(shapes)('%s', (_, payloadOf, nextId) => {
  const perform = (events: Events, parts: Parts) =>
    performJob(recordInteractions, handleRecordInteractions, payloadOf(events), parts, { jobId: nextId() });

  test('writes each event once, however often and in whatever company it comes', async () => {
    const { db, parts } = await setup();
    const [product_id] = await insertProducts(db, 1);
    const events = Array.from({ length: 50 }, () => interaction({ product_id }));

    await perform(events, parts);
    await perform([...events.slice(20), ...events], parts);

    expect(await countInteractions(db)).toBe(50);
    const [stale] =
      await db`select count(distinct key)::integer as products from stale_keys where kind = 'popularity'`;
    expect(stale).toEqual({ products: 1 });
  });

  test('stores every field, exactly, and creates stubs for who is not known', async () => {
    const { db, parts } = await setup();
    const [product_id] = await insertProducts(db, 1);
    const event = interaction({
      product_id,
      session_id: uuidv7(),
      event_type: 'rate',
      event_value: '4.500000000001',
      platform: 'web',
      device: { type: 'desktop', nested: { list: [1, 'ü', null] } },
      created_at: '2025-10-28T01:14:54.991563+05:30',
    });
    await perform([event], parts);

    const [row] = await db`
    select user_id, product_id, session_id, event_type, event_value, platform, device, created_at from interactions`;
    expect(row).toEqual({
      user_id: event.user_id,
      product_id,
      session_id: event.session_id,
      event_type: 'rate',
      event_value: '4.500000000001',
      platform: 'web',
      device: { type: 'desktop', nested: { list: [1, 'ü', null] } },
      created_at: '2025-10-27T19:44:54.991563Z',
    });
    expect(await db`select is_anonymous, is_active from users`).toEqual([
      { is_anonymous: true, is_active: true },
    ]);
    expect(await db`select session_id, started_at from sessions`).toEqual([
      { session_id: event.session_id, started_at: '2025-10-27T19:44:54.991563Z' },
    ]);
  });

  test('a stub session starts with its earliest event, in whatever order they come', async () => {
    const { db, parts } = await setup();
    const [product_id] = await insertProducts(db, 1);
    const session_id = uuidv7();
    for (const created_at of ['2026-03-02T10:00:00Z', '2026-03-01T10:00:00Z', '2026-03-03T10:00:00Z']) {
      const events = [interaction({ product_id, session_id, created_at })];
      await perform(events, parts);
    }
    expect(await db`select started_at from sessions`).toEqual([{ started_at: '2026-03-01T10:00:00Z' }]);
  });

  test('the same id with another payload: the first stands, the conflict is counted', async () => {
    const { db, parts } = await setup();
    const [product_id] = await insertProducts(db, 1);
    const first = interaction({ product_id, event_type: 'view' });
    const second = { ...first, event_type: 'click' };

    await perform([first], parts);
    await perform([second, first], parts);

    expect(await db`select event_type from interactions`).toEqual([{ event_type: 'view' }]);
    expect(await findEventState(db, first.event_id)).toMatchObject({ state: 'applied', conflicts: 1 });
  });

  test('an event of an unknown product waits, is applied when the product is there, and leaves no trace of waiting', async () => {
    const { db, parts, startWorkers } = await setup();
    const known = await insertProducts(db, 1);
    const unknown = uuidv7();
    const late = interaction({ product_id: unknown });
    const events = [...Array.from({ length: 20 }, () => interaction({ product_id: known[0] })), late];

    await perform(events, parts);
    expect(await countInteractions(db)).toBe(20);
    expect(await findEventState(db, late.event_id)).toMatchObject({
      state: 'waiting',
      reason: 'unknown_product',
    });

    await db`insert into products (product_id, name) values (${unknown}, 'late')`;
    await performJob(sweep, handleSweep, {}, parts);
    const { close } = startWorkers();
    await eventually(async () => expect(await countInteractions(db)).toBe(21));
    await close();
    expect(await findEventState(db, late.event_id)).toMatchObject({ state: 'applied' });
    expect(await db`select count(*)::integer as parked from parked_events`).toEqual([{ parked: 0 }]);
  });

  test('an event whose product never comes is failed after its time, with an audit row', async () => {
    const { db, parts } = await setup({ WAITING_MINUTES: '0.0001' });
    const event = interaction();
    await perform([event], parts);
    expect(await findEventState(db, event.event_id)).toMatchObject({ state: 'waiting' });

    await eventually(async () => {
      await performJob(sweep, handleSweep, {}, parts);
      expect(await findEventState(db, event.event_id)).toMatchObject({
        state: 'failed',
        reason: 'unknown_product',
      });
    });
    const [audit] = await db`select component, severity, payload from system_audit`;
    expect(audit).toMatchObject({
      component: 'events',
      severity: 'error',
      payload: { event_id: event.event_id },
    });
  });

  test('what only the database refuses is found by halving, parked with its code, and can be replayed', async () => {
    const { db, parts } = await setup();
    const products = await insertProducts(db, 2);
    // Something the event's schema cannot know: a rule of this shop's database.
    await db`alter table interactions add constraint no_banana check (platform <> 'banana')`;
    const poison = interaction({ product_id: products[0], platform: 'banana' });
    const events = Array.from({ length: 1_000 }, (_, i) =>
      i === 333 ? poison : interaction({ product_id: products[i % 2] }),
    );
    await perform(events, parts);

    expect(await countInteractions(db)).toBe(999);
    expect(await findEventState(db, poison.event_id)).toMatchObject({ state: 'failed', reason: '23514' });

    await db`alter table interactions drop constraint no_banana`;
    await performJob(recordInteractions, handleRecordInteractions, { parked: [poison.event_id] }, parts);
    expect(await countInteractions(db)).toBe(1_000);
    expect(await findEventState(db, poison.event_id)).toMatchObject({ state: 'applied' });
    expect(await listParked(db, { state: 'failed', limit: 10 })).toEqual([]);
  });

  test('an event that another statement takes at the same moment is a repeat, and its neighbours apply', async () => {
    const { db, parts } = await setup();
    const [product_id] = await insertProducts(db, 1);
    const events = Array.from({ length: 20 }, () => interaction({ product_id }));
    const taken = events[7]?.event_id as string;
    await db`create table holding (one boolean)`;
    await db`insert into holding values (true)`;
    await db`
    create function take(id uuid) returns void language plpgsql as $$
    begin
      insert into processed_events (event_id, job, payload_hash) values (id, 'record-interactions', 1);
      while exists (select from holding) loop perform pg_sleep(0.01); end loop;
    end $$`;
    const other = db`select take(${taken})`;
    await eventually(async () =>
      expect(
        await db`select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      ).toHaveLength(1),
    );
    const applied = perform(events, parts);
    await eventually(async () =>
      expect(
        await db`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      ).toHaveLength(1),
    );
    await db`delete from holding`;
    await Promise.all([other, applied]);

    expect(await countInteractions(db)).toBe(19);
    expect(await db`select event_id, conflicts from event_conflicts`).toEqual([
      { event_id: taken, conflicts: 1 },
    ]);
    expect(await listParked(db, { limit: 10 })).toEqual([]);
  });

  test('an error of the deploy is thrown, so that the job keeps its events', async () => {
    const { db, parts } = await setup();
    const [product_id] = await insertProducts(db, 1);
    await db`
    drop function apply_interactions(
      uuid[], bigint[], uuid[], uuid[], uuid[], varchar[], numeric[], varchar[], varchar[], timestamptz[], bytea, boolean)`;
    await expect(perform([interaction({ product_id })], parts)).rejects.toMatchObject({
      name: 'DatabaseError',
      code: '42883',
    });
    expect(await listParked(db, { limit: 10 })).toEqual([]);
  });
});

test('a process of the version before may go on beside this one', async () => {
  const { db } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const { event_id, ...fields } = interaction({ product_id });
  const row = { ...fields, event_id, payload_hash: 1, at: '2025-10-27T19:44:54.991563Z', clock: '-' };
  const before = JSON.stringify([row]);
  expect(
    await db`select applied, waiting from apply_interactions(${before}::text::jsonb, ${Buffer.alloc(32)}, false)`,
  ).toEqual([{ applied: 1, waiting: [] }]);
  expect(await db`select product_id, created_at from interactions`).toEqual([
    { product_id, created_at: '2025-10-27T19:44:54.991563Z' },
  ]);
});

// Each passes the stored schema's eye or never met it, so that every way to find the bad one is taken.

test.each([
  ['NUL in a text', { platform: 'a\0b' }, 'invalid'],
  ['a number out of range', { event_value: '1'.repeat(60) }, 'invalid'],
  ['infinity', { event_value: Number.POSITIVE_INFINITY }, 'invalid'],
  ['a wrong type', { user_id: 42 }, 'invalid'],
  ['an unknown field', { colour: 'red' }, 'invalid'],
  ['a text of a megabyte', { platform: 'x'.repeat(1_000_000) }, 'invalid'],
])('%s in the queue parks that event only', async (_, bad, reason) => {
  const { db, parts } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const poison = interaction({ product_id, ...bad });
  const events = Array.from({ length: 1_000 }, (_, i) => (i === 500 ? poison : interaction({ product_id })));

  await performJob(recordInteractions, handleRecordInteractions, { events }, parts);

  expect(await countInteractions(db)).toBe(999);
  const parked = await listParked(db, { state: 'failed', limit: 10 });
  expect(parked).toMatchObject([{ event_id: poison.event_id, job: 'record-interactions', reason }]);
});

test('columns that another version let in are checked one by one, and only the bad event stays behind', async () => {
  const { db, parts } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const bad = interaction({ product_id, colour: 'red' });
  const columns = toColumns(recordInteractions, [
    bad,
    interaction({ product_id, device: { type: 'phone' } }),
    interaction({ product_id }),
  ]);
  await performJob(
    ...[recordInteractions, handleRecordInteractions],
    ...[{ columns: columns as EventColumns }, parts],
    { jobId: `${uuidv7()}-${'0'.repeat(12)}` },
  );
  expect(await db`select device from interactions order by device::text`).toEqual([
    { device: { type: 'phone' } },
    { device: null },
  ]);
  expect(await listParked(db, { limit: 10 })).toMatchObject([
    { event_id: bad.event_id, reason: 'invalid', payload: bad },
  ]);
});

test('jobs of columns go together in a statement, and one id in two of them counts once', async () => {
  const { db, parts } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const apply = (jobs: Events[]) =>
    Promise.all(
      jobs.map((events) =>
        performJob(
          ...[recordInteractions, handleRecordInteractions],
          ...[{ columns: toColumns(recordInteractions, events) as EventColumns }, parts],
          { jobId: checkedJobId() },
        ),
      ),
    );
  const odd = { platform: 'a,{b}"\\', created_at: '2025-03-01T10:00:00.000000Z' };
  await apply(Array.from({ length: 8 }, (_, n) => [interaction({ product_id, ...(n % 2 && odd) })]));
  const seen = await db<{ platform: string; year: number; events: number }>`
    select platform, extract(year from created_at)::integer as year, count(*)::integer as events
    from interactions group by 1, 2 order by 2`;
  expect(seen).toEqual([
    { platform: odd.platform, year: 2025, events: 4 },
    { platform: null, year: new Date().getUTCFullYear(), events: 4 },
  ]);
  const [statements] = await db<{
    count: number;
  }>`select count(distinct xmin::text)::integer as count from interactions`;
  expect(statements?.count).toBeLessThan(8);

  // The first goes at once; of those that wait meanwhile three have an event in common.
  const [shared, late] = [interaction({ product_id }), interaction()];
  await apply([
    [interaction({ product_id })],
    ...Array.from({ length: 3 }, () => [interaction({ product_id }), shared, late]),
  ]);
  expect(await countInteractions(db)).toBe(8 + 5);
  expect(await listParked(db, { state: 'waiting', limit: 10 })).toMatchObject([{ event_id: late.event_id }]);
  expect(await db`select from event_conflicts`).toEqual([]);
});

test('columns whose workers ended are tried one by one, and repeats of them are repeats', async () => {
  const { db, parts } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const door = createDoor(recordInteractions, 'put');
  const sent = [{ platform: 'web' }, { session_id: uuidv7(), device: { os: 'x' } }, { session_id: uuidv7() }];
  const events = sent.map(
    (fields) =>
      door.admit(
        { user_id: uuidv7(), product_id, event_type: 'view', ...fields },
        0,
        arrival(() => uuidv7(), String),
        [],
      ) as StoredEvent,
  );
  const columns = toColumns(recordInteractions, events) as EventColumns;
  for (const starts of [3, 1, 4])
    await performJob(recordInteractions, handleRecordInteractions, { columns }, parts, {
      ...{ jobId: checkedJobId(), attempt: 1, starts },
    });
  expect(await countInteractions(db)).toBe(3);
  expect(await db`select from event_conflicts`).toEqual([]);
});
