import { expect, inject, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { layWire } from '../../test/support/wire.ts';
import { OutageError } from '../errors.ts';
import { createDatabase } from './database.ts';

const open = (options: { poolSize: number; queryTimeoutMs: number; url?: string; name?: string }) => {
  const db = createDatabase(options.url ?? inject('postgresUrl'), options);
  onTestFinished(() => db.end());
  return db;
};
const sleep = (db: ReturnType<typeof open>, seconds: number) =>
  db<{ pid: number }>`select pg_backend_pid() as pid from pg_sleep(${seconds})`;

test('a statement that waited too long for a connection is given up alone: the others go on, on their connections', async () => {
  const db = open({ poolSize: 2, queryTimeoutMs: 2_000 });
  const first = await Promise.all([sleep(db, 0.8), sleep(db, 0.8), sleep(db, 0)]);
  const pids = new Set(first.flat().map(({ pid }) => pid));
  const line = [0.9, 0.9, 0.8, 0.9, 0.9, 0.9].map((seconds) => sleep(db, seconds));
  const outcomes = await Promise.allSettled(line);
  const late = outcomes.filter(({ status }) => status === 'rejected');
  expect(late.length).toBeGreaterThan(0);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(OutageError);
  }
  const after = await Promise.all([sleep(db, 0.1), sleep(db, 0.1)]);
  for (const { pid } of after.flat()) expect(pids).toContain(pid);
});

test('a PostgreSQL that falls silent is given up at the deadline, and a new connection serves the next statement', async () => {
  const wire = await layWire(inject('postgresUrl'));
  const db = open({ url: wire.url, poolSize: 3, queryTimeoutMs: 1_500 });
  await Promise.all([sleep(db, 0.05), sleep(db, 0.05), sleep(db, 0.05)]);
  wire.silence();
  const began = performance.now();
  const outcomes = await Promise.allSettled(Array.from({ length: 7 }, () => sleep(db, 0)));
  expect(performance.now() - began).toBeLessThan(2_500);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(OutageError) });
  }
  expect(await sleep(db, 0)).toHaveLength(1);
});

test('arrays go in and come back as they were, element for element', async () => {
  const db = open({ poolSize: 1, queryTimeoutMs: 15_000 });
  const texts = ['plain', '', 'null', 'a "quoted" one', 'back\\slash', 'a,b', '{c}', ' ä\n🙂 ', '\\"'];
  const ids = ['0198f000-0000-7000-8000-000000000001', '0198f000-0000-7000-8000-000000000002'];
  const [row] = await db`
    select ${texts}::text[] as texts, ${ids}::uuid[] as ids, ${[1, -2, 3]}::bigint[] as numbers,
      array[1.5, null]::double precision[] as reals, array[true, false, null] as booleans, '{}'::text[] as none,
      array['2026-01-31 10:00:00.123456Z'::timestamptz] as times, array[1.20, 3]::numeric[] as money,
      (select count(*)::integer from unnest(${texts}::text[]) as text) as counted`;
  expect(row).toEqual({
    texts,
    ids,
    numbers: [1, -2, 3],
    reals: [1.5, null],
    booleans: [true, false, null],
    none: [],
    times: ['2026-01-31T10:00:00.123456Z'],
    money: ['1.20', '3'],
    counted: texts.length,
  });
});

test('connections that are killed as they come up are an outage for whoever waits, and no more', async () => {
  const db = open({ poolSize: 4, queryTimeoutMs: 15_000, name: 'victim' });
  const killer = open({ poolSize: 1, queryTimeoutMs: 15_000 });
  let over = false;
  const killing = (async () => {
    while (!over) {
      await killer`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'victim' and pid <> pg_backend_pid() and datname = current_database()`;
    }
  })();
  const outcomes: PromiseSettledResult<unknown>[] = [];
  for (let round = 0; round < 15; round += 1) {
    outcomes.push(...(await Promise.allSettled(Array.from({ length: 4 }, () => sleep(db, 0.002)))));
  }
  over = true;
  await killing;
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(OutageError);
  }
  expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
  // The last one killed may still be in the pool.
  await eventually(() => sleep(db, 0));
});
