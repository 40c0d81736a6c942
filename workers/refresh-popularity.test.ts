import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../jobs/record-interactions.ts';
import { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { sweep } from '../jobs/sweep.ts';
import { listDirty } from '../src/db/dirty-keys.ts';
import { OutageError, RetryableError } from '../src/errors.ts';
import { followUp, wake, wakeSoon } from '../src/queue/follow-ups.ts';
import { eventually } from '../test/support/eventually.ts';
import { performJob } from '../test/support/perform-job.ts';
import { setup } from '../test/support/setup.ts';
import { insertProducts, interaction } from '../test/support/shop.ts';
import { handleRecordInteractions } from './record-interactions.ts';
import { handleRefreshPopularity } from './refresh-popularity.ts';
import { handleSweep } from './sweep.ts';

const day = 86_400_000;

test('equals a recount from the rows, for events of any age', async () => {
  const { db, parts, config } = await setup();
  const [popular, old, ignored] = await insertProducts(db, 3);
  const now = Date.now();
  const happened = [
    ...Array.from({ length: 40 }, (_, i) => ({
      product_id: popular,
      event_type: i % 2 ? 'view' : 'click',
      age: i,
    })),
    { product_id: old, event_type: 'add_to_cart', age: 9_000 },
    { product_id: ignored, event_type: 'scrolled_past', age: 1 },
  ];
  const events = happened.map(({ age, ...fields }) =>
    interaction({ ...fields, created_at: new Date(now - age * day).toISOString() }),
  );
  await performJob(recordInteractions, handleRecordInteractions, { events }, parts);
  await performJob(refreshPopularity, handleRefreshPopularity, {}, parts);

  const rows = await db<{ product_id: string; score_1d: number; score_7d: number; score_30d: number }>`
    select product_id, score_1d, score_7d, score_30d from product_popularity order by product_id`;
  expect(rows.map(({ product_id }) => product_id)).toEqual([popular, old].sort());
  for (const { product_id, ...scores } of rows) {
    for (const [name, halfLife] of [
      ['score_1d', 1],
      ['score_7d', 7],
      ['score_30d', 30],
    ] as const) {
      const score = happened
        .filter((event) => event.product_id === product_id)
        .reduce(
          (sum, { event_type, age }) =>
            sum + (config.EVENT_WEIGHTS[event_type] ?? 0) * 2 ** (-age / halfLife),
          0,
        );
      const decayed = scores[name] - ((now - Date.UTC(2020, 0, 1)) / day / halfLife) * Math.LN2;
      if (score > 1e-200) expect(decayed).toBeCloseTo(Math.log(score), 6);
      else expect(decayed).toBeLessThan(-400);
    }
  }
  expect(await listDirty(db, 'popularity', 10)).toEqual([]);
});

test('a mark made while its product is recounted stays for the next time', async () => {
  const { db, parts } = await setup();
  const [product_id] = await insertProducts(db, 1);
  await db`insert into dirty_keys (kind, key) values ('popularity', ${product_id})`;
  let rounds = 0;
  const handler = followUp('popularity', async () => {
    rounds += 1;
    if (rounds === 1) await db`insert into dirty_keys (kind, key) values ('popularity', ${product_id})`;
  });
  await performJob(refreshPopularity, handler, {}, parts);
  expect(rounds).toBe(2);
});

test('a crash between recount and clearing leaves the mark', async () => {
  const { db, parts } = await setup();
  await db`insert into dirty_keys (kind, key) values ('popularity', ${uuidv7()})`;
  const crash = followUp('popularity', () => Promise.reject(new Error('killed')));
  await expect(performJob(refreshPopularity, crash, {}, parts)).rejects.toThrow('killed');
  expect(await listDirty(db, 'popularity', 10)).toHaveLength(1);
});

test('the longest stale comes first, all marks of a key are in one hand, and a later mark comes after it', async () => {
  const { db, parts } = await setup();
  const keys = Array.from({ length: 12 }, () => uuidv7()).sort(() => Math.random() - 0.5);
  const mark = (key: string) => db`insert into dirty_keys (kind, key) values ('popularity', ${key})`;
  for (const key of [...keys, ...keys]) await mark(key);
  const begun: string[] = [];
  const held = new Set<string>();
  const handler = followUp(
    'popularity',
    async (batch) => {
      const fresh = batch.filter(({ key }) => !begun.includes(key));
      for (const { key } of batch) {
        expect(held).not.toContain(key);
        held.add(key);
        begun.push(key);
      }
      for (const { key } of fresh) await mark(key);
      for (const { key } of batch) held.delete(key);
    },
    { batchKeys: 2, atOnce: 3 },
  );
  await performJob(refreshPopularity, handler, {}, parts);
  expect(await listDirty(db, 'popularity', 10)).toEqual([]);
  for (const key of keys) expect(begun.filter((other) => other === key)).toHaveLength(2);
  expect(new Set(begun.slice(0, 6))).toEqual(new Set(keys.slice(0, 6)));
});

test('a further batch is begun only where it is full, and what is too little for one is left to who is still at work', async () => {
  const { db, parts } = await setup();
  const mark = (keys: readonly string[]) => db`
    insert into dirty_keys (kind, key) select 'popularity', key from unnest(${keys}::uuid[]) as key`;
  await mark(Array.from({ length: 7 }, () => uuidv7()));
  const batches: string[][] = [];
  const finish: (() => void)[] = [];
  const handler = followUp(
    'popularity',
    async (batch) => {
      batches.push(batch.map(({ key }) => key));
      if (batches.length <= 2) await new Promise<void>((resolve) => finish.push(resolve));
    },
    { batchKeys: 3, atOnce: 3 },
  );
  const performed = performJob(refreshPopularity, handler, {}, parts);
  await eventually(() => expect(finish).toHaveLength(2));
  finish[1]?.();
  await eventually(async () => expect(await listDirty(db, 'popularity', 10)).toHaveLength(4));
  await mark([uuidv7()]);
  finish[0]?.();
  await performed;
  expect(batches.map(({ length }) => length)).toEqual([3, 3, 2]);
  expect(new Set(batches.flat()).size).toBe(8);
  expect(await listDirty(db, 'popularity', 10)).toEqual([]);
});

test('where many wait, batches are larger, up to a limit', async () => {
  const { db, parts } = await setup();
  await db`
    insert into dirty_keys (kind, key) select 'popularity', gen_random_uuid() from generate_series(1, 100)`;
  const sizes: number[] = [];
  const handler = followUp(
    'popularity',
    async (batch) => {
      sizes.push(batch.length);
    },
    { batchKeys: 4, crowdKeys: 9 },
  );
  await performJob(refreshPopularity, handler, {}, parts);
  expect(Math.max(...sizes)).toBe(9);
  expect(sizes.indexOf(9)).toBe(0);
  expect(sizes.slice(-2)[0]).toBe(4);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
});

test('who has a share of the time makes statements short and rests, and leaves to the next run what became stale', async () => {
  const { db, parts } = await setup();
  const mark = (count: number) => db`
    insert into dirty_keys (kind, key) select 'popularity', gen_random_uuid() from generate_series(1, ${count})`;
  await mark(100);
  const sizes: number[] = [];
  const handler = followUp(
    'popularity',
    async (batch) => {
      if (sizes.push(batch.length) === 1) await mark(3);
      await db`select pg_sleep(${batch.length * 0.004})`;
    },
    { share: 0.5, batchKeys: 60 },
  );
  await performJob(refreshPopularity, handler, {}, parts);
  expect(sizes[0]).toBe(60);
  expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(12);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
  expect(await listDirty(db, 'popularity', 10)).toHaveLength(3);

  // A rest of a quarter of an hour is not waited for in a run, and no run begins before its end.
  const idle = followUp('popularity', () => db`select pg_sleep(0.03)`, { share: 0.00003, batchKeys: 1 });
  await performJob(refreshPopularity, idle, {}, parts);
  expect(await listDirty(db, 'popularity', 10)).toHaveLength(2);
  await performJob(refreshPopularity, idle, {}, parts);
  expect(await listDirty(db, 'popularity', 10)).toHaveLength(2);
});

test('asking many times is one job; the sweep asks for what was forgotten', async () => {
  const { db, parts, producer } = await setup();
  const waiting = async () => producer.queues.get('aggregates')?.getJobCounts('waiting', 'delayed');
  await Promise.all(Array.from({ length: 20 }, () => wake(producer, refreshPopularity)));
  expect(await waiting()).toEqual({ waiting: 0, delayed: 1 });

  await performJob(sweep, handleSweep, {}, parts);
  expect(await waiting()).toEqual({ waiting: 0, delayed: 1 });
  await db`insert into dirty_keys (kind, key) values ('popularity', ${uuidv7()})`;
  await performJob(sweep, handleSweep, {}, parts);
  expect(await waiting()).toEqual({ waiting: 1, delayed: 1 });
});

test('whoever asks all the time is heard once now and once for all that came after', async () => {
  const { producer } = await setup();
  const queue = producer.queues.get('aggregates');
  const often = { ...refreshPopularity, delayMs: 300 };
  for (let nth = 0; nth < 50; nth += 1) wakeSoon(producer, often);
  const ids = new Set<string | undefined>();
  await eventually(async () => {
    for (const job of (await queue?.getDelayed()) ?? []) ids.add(job.id);
    expect(ids.size).toBe(1);
  });
  // The first has to be gone for the second to be one of its own.
  await queue?.drain(true);
  await eventually(async () => {
    for (const job of (await queue?.getDelayed()) ?? []) ids.add(job.id);
    expect(ids.size).toBe(2);
  });
});

test('asking while it runs leads to one more run afterwards', async () => {
  const system = await setup();
  const quick = { ...refreshPopularity, delayMs: 0 };
  let runs = 0;
  let proceed = () => {};
  const held = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  system.startWorkers({
    jobs: { quick },
    handlers: {
      quick: async () => {
        runs += 1;
        if (runs === 1) await held;
      },
    },
  });
  await wake(system.producer, quick);
  await eventually(() => expect(runs).toBe(1));
  await Promise.all(Array.from({ length: 5 }, () => wake(system.producer, quick)));
  proceed();
  await eventually(() => expect(runs).toBe(2));
  await eventually(async () =>
    expect(
      await system.producer.queues.get('aggregates')?.getJobCounts('waiting', 'delayed', 'active'),
    ).toEqual({
      waiting: 0,
      delayed: 0,
      active: 0,
    }),
  );
  expect(runs).toBe(2);
});

test('keys with too long a history for one statement are recomputed in fewer at a time, and hold up no others', async () => {
  const { db, parts } = await setup();
  const keys = Array.from({ length: 10 }, () => uuidv7());
  const [endless] = keys;
  await db`insert into dirty_keys (kind, key) select 'popularity', key from unnest(${keys}::uuid[]) as key`;
  const sizes: number[] = [];
  const handler = followUp(
    'popularity',
    async (batch) => {
      sizes.push(batch.length);
      if (batch.length < 3 && batch.every(({ key }) => key !== endless)) return;
      throw new OutageError('PostgreSQL: 57014', { cause: { code: '57014' } });
    },
    { batchKeys: 8 },
  );
  await expect(performJob(refreshPopularity, handler, {}, parts)).rejects.toThrow(RetryableError);
  expect(sizes[0]).toBe(8);
  expect((await listDirty(db, 'popularity', 20)).map(({ key }) => key)).toEqual([endless]);
});
