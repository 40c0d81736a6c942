import type { Db } from '../../src/db/database.ts';
import { defineScenario, type Scale, type Stage } from '../scenario.ts';
import { commitAll } from '../support/commit-all.ts';
import { ownQueue } from '../support/drained.ts';
import { median } from '../support/figures.ts';
import { drawInteractions, fillPeople, requestsOf } from '../support/interactions.ts';
import { growthOf, plot } from '../support/plot.ts';
import { takeTurns } from '../support/turns.ts';
import { refreshAll } from './refresh.ts';

const perRequest = 500;

/**
 * Bring the table and the ledger to so many rows, in steps that PostgreSQL commits one by one. References are right by
 * themselves, so nobody checks them. At the end nothing is left to autovacuum, which would be at work beside what is measured.
 */
const fillRows = async (db: Db, from: number, to: number): Promise<void> => {
  const step = 500_000;
  await db`alter table interactions disable trigger all`;
  let next = from;
  const fill = async () => {
    while (next < to) {
      const count = Math.min(step, to - next);
      next += count;
      await db`
        with people as (select array_agg(user_id) as ids from users),
        goods as (select array_agg(product_id) as ids from products)
        insert into interactions (user_id, product_id, event_type, platform, created_at)
        select people.ids[1 + floor(random() * cardinality(people.ids))::integer],
          goods.ids[1 + floor(random() * cardinality(goods.ids))::integer],
          case when random() < 0.95 then 'view' else 'purchase' end, 'web', now() - random() * interval '90 days'
        from people, goods, generate_series(1, ${count})`;
      await db`
        insert into processed_events (event_id, job, payload_hash)
        select gen_random_uuid(), 'record-interactions', 0 from generate_series(1, ${count})`;
    }
  };
  await Promise.all([fill(), fill()]);
  await db`alter table interactions enable trigger all`;
  await db`vacuum analyze interactions`;
  await db`vacuum analyze processed_events`;
  await db`checkpoint`;
};

const rowSteps: Record<Scale, number[]> = { s: [100_000, 500_000, 2_000_000], l: [1e6, 5e6, 20e6] };

/** A system with so many rows. @returns what commits some more, at the rate it resolves to. */
const startAt = async (stage: Stage, rows: number): Promise<(events: number) => Promise<number>> => {
  const system = await stage.startSystem({ WORKER_QUEUES: 'interactions' });
  const { db, key, url } = system;
  await fillPeople(db, { users: 30_000, products: 10_000 });
  await system.startOwn('api');
  await system.startOwn('worker');
  const requests = requestsOf(await drawInteractions(db, 100_000), { shape: 'array', perRequest, key });
  const port = Number(new URL(url).port);
  const commit = (events: number) =>
    commitAll(system, { port, requests, perRequest, events, queue: ownQueue('interactions') });
  // The first requests of a process measure code that is still being compiled.
  const first = Math.min(50_000, rows);
  await commit(first);
  await fillRows(db, first, rows);
  stage.say(`${rows} rows are there`);
  return commit;
};

/**
 * Rates at tables of several sizes, as what so many rows take in all: 1 is linear, each event costing what the first did. The
 * tables are systems of their own, which take turns: an hour later the same machine may be quicker by a fifth. At scale l as
 * many events are written to each as lie between two checkpoints, in the midst of which it has the size that it stands for.
 * The first part follows a checkpoint, after which the first change of a page writes all of it to the log.
 */
export const scaleRows = defineScenario({
  onDemand: true,
  figures: [
    {
      name: 'scale-rows',
      unit: 'exponent',
      what: 'how the cost of committing all rows grows with their number: 1, 5 and 20 million at scale l',
      aim: { of: 'ours', want: '<=', value: 1.1 },
    },
  ],
  async run(stage) {
    const events = stage.size('events', { s: 100_000, l: 1_000_000 });
    const part = Math.ceil(events / stage.rounds / perRequest) * perRequest;
    const sides: Record<string, () => Promise<number>> = {};
    for (const size of rowSteps[stage.scale]) {
      const commit = await startAt(stage, Math.max(size - (part * stage.rounds) / 2, perRequest));
      sides[size] = async () => {
        const rate = Math.round(await commit(part));
        stage.say(`at ${size} rows ${rate} events/s`);
        return rate;
      };
    }
    const rates = await takeTurns(stage.rounds, sides);
    const steps = Object.entries(rates).map(([rows, parts]) => {
      const perSecond = Math.round(parts.length / parts.reduce((sum, rate) => sum + 1 / rate, 0));
      return { rows: Number(rows), perSecond, parts };
    });
    await stage.writePlot(
      'scale-rows',
      plot({
        ...{ title: 'Events committed a second', x: 'rows in interactions', y: 'events/s' },
        points: steps.map(({ rows: x, perSecond: y }) => ({ x, y })),
      }),
    );
    const growth = growthOf(steps.map(({ rows: x, perSecond }) => ({ x, y: x / perSecond })));
    return { 'scale-rows': { ours: [growth], notes: { steps, events: part * stage.rounds } } };
  },
});

const userSteps: Record<Scale, number[]> = { s: [500, 2_000, 8_000], l: [1_000, 10_000, 100_000] };

export const scaleUsers = defineScenario({
  onDemand: true,
  figures: [
    {
      name: 'scale-users',
      unit: 'exponent',
      what: 'how refreshing every list grows with the number of users: 1,000, 10,000 and 100,000 at scale l',
      aim: { of: 'ours', want: '<=', value: 1.1 },
    },
  ],
  async run(stage) {
    const steps: { users: number; seconds: number }[] = [];
    for (const users of userSteps[stage.scale]) {
      const { seconds } = await refreshAll(stage, { users, items: 5_000, signals: 25 * users }, stage.rounds);
      steps.push({ users, seconds: Math.round(100 * median(seconds)) / 100 });
    }
    const points = steps.map(({ users: x, seconds: y }) => ({ x, y }));
    await stage.writePlot(
      'scale-users',
      plot({ title: 'Refreshing every list', x: 'users', y: 'seconds', points }),
    );
    return { 'scale-users': { ours: [growthOf(points)], notes: { steps } } };
  },
});
