import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { eventJobs, jobs } from '../jobs/index.ts';
import { sweep } from '../jobs/sweep.ts';
import { projectRoot } from '../src/config.ts';
import { tableExports } from '../src/db/export.ts';
import { aggregates } from '../src/db/reconcile.ts';
import * as retention from '../src/db/retention.ts';
import type { Job } from '../src/queue/define-job.ts';
import type { Handler } from '../src/queue/handler.ts';
import { handlers } from '../workers/index.ts';
import { createDatabase } from './support/database.ts';
import { type Explained, explainingDatabase, faultsOf, render } from './support/explain.ts';
import { fillLargeShop, id, largeTables } from './support/large-shop.ts';
import { events, oneByOne } from './support/large-shop-events.ts';
import { calls, others, someDays } from './support/large-shop-questions.ts';
import { performJob } from './support/perform-job.ts';
import { setup } from './support/setup.ts';

/** PostgreSQL plans a prepared statement anew five times and may then settle for a plan that knows no values. */
const rounds = 7;
const batch = 20;
/** The busiest user and the most popular product have some 21,000 interactions, which may be read to answer for them. */
const mostRows = 30_000;

/** By choice. */
const accepted = new Set([
  // Rare, and a person may be named anywhere in what is parked.
  'erase-user: sequential scan of parked_events',
]);

test('what is listed here is all there is', async () => {
  const covered = new Set([...calls.map(([called]) => called.name), ...others]);
  const folder = join(projectRoot, 'src/db');
  const missing: string[] = [];
  for (const file of (await readdir(folder)).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  )) {
    const exported = Object.entries((await import(join(folder, file))) as Record<string, unknown>);
    for (const [name, value] of exported) {
      // Apply functions go through their jobs.
      if (typeof value === 'function' && !covered.has(name) && !/^apply[A-Z]/.test(name))
        missing.push(`${file}: ${name}`);
    }
  }
  expect(missing).toEqual([]);
  expect(Object.keys(events).sort()).toEqual(eventJobs.map(({ name }) => name).sort());
});

test('no statement reads a large table from one end to the other', { timeout: 600_000 }, async () => {
  const { parts } = await setup();
  const { url, drop } = await createDatabase({ template: 'migrated' });
  const filling = performance.now();
  await fillLargeShop(url);
  const filled = performance.now();
  const { db, take } = await explainingDatabase(url);
  const [began] = await db<{ now: string }>`select now()::text as now`;
  const faults = new Map<string, string>();
  let plans = 0;
  const judge = (label: string, explained: readonly Explained[]) => {
    plans += explained.length;
    for (const one of explained) {
      for (const { fault, table } of faultsOf(one, { largeTables, mostRows })) {
        const key = `${label}, ${table}\n${one.query.trim()}`;
        if (faults.has(key) || accepted.has(`${label}: ${fault}`)) continue;
        faults.set(key, `${label}: ${fault}\n${one.query.trim()}\n${render(one)}\n`);
      }
    }
  };
  const explain = async (label: string, run: () => Promise<unknown>) => {
    take();
    await run();
    const explained = take();
    expect(explained.length, `${label} was not explained`).toBeGreaterThan(0);
    judge(label, explained);
  };

  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const [{ name }, run] of calls) await explain(name, () => run(db, round));
      for (const aggregate of aggregates) {
        const middle = '80000000-0000-0000-0000-000000000000';
        const { wrong } = await aggregate.look(db, round % 2 ? middle : undefined, 1_000, { view: 1 });
        await explain(`reconcile ${aggregate.name}`, () => aggregate.look(db, middle, 1_000, { view: 1 }));
        await explain(`repair ${aggregate.name}`, () =>
          aggregate.repair(
            db,
            wrong.length > 0 ? wrong.slice(0, 50) : [{ key: id('product', 1), other: null }],
            { view: 1 },
          ),
        );
      }
      for (const { type, page: exported } of tableExports) {
        await explain(`export ${type}`, async () => {
          const [last] = (await exported(db, undefined, 200)).slice(-1);
          if (last) await exported(db, last.cursor, 200);
        });
      }
    }
    for (const [name, kept] of Object.entries(retention)) {
      const days = kept === retention.eventIdRetention ? 40 : 300;
      const removing = kept.remove(db, someDays(days), 500);
      await explain(name, async () => {
        for (let statement = 0; statement < rounds; statement += 1) await removing.next();
      });
    }
    const run = async (job: Job, n: number) => {
      const [key] = Object.entries(jobs).find(([, known]) => known === job) ?? [];
      const handler = handlers[key as keyof typeof handlers] as Handler<Job>;
      const make = events[job.name];
      const size = oneByOne.has(job.name) ? 1 : batch;
      const payload = make
        ? {
            events: Array.from({ length: size }, (_, at) => ({
              event_id: uuidv7(),
              received_at: new Date().toISOString(),
              ...make(n * size + at),
            })),
          }
        : {};
      await explain(job.name, () => performJob(job, handler, payload, { ...parts, db }));
    };
    for (let round = 0; round < rounds; round += 1) {
      for (const job of eventJobs) await run(job, round);
    }
    await run(sweep, 0);
    const parked = await db`
      select job, reason, detail, count(*)::integer as events from parked_events
      where parked_at > ${began?.now} and reason <> 'test' group by job, reason, detail`;
    expect.soft(parked, 'the events of this test apply').toEqual([]);
  } finally {
    await db.end();
    await drop();
  }
  process.stdout.write(
    `${plans} plans; filled in ${Math.round((filled - filling) / 1_000)} s, explained in ${Math.round((performance.now() - filled) / 1_000)} s\n`,
  );
  expect([...faults.values()].join('\n')).toBe('');
});
