import { findFreePort } from '../../src/embedded/endpoint.ts';
import { columnStatements } from '../../src/queue/apply-events.ts';
import { insertBare } from '../rivals/bare-insert.ts';
import { defineScenario, type Stage } from '../scenario.ts';
import { commitAll } from '../support/commit-all.ts';
import { ownQueue } from '../support/drained.ts';
import { drawInteractions, emptyQueue, fillPeople, requestsOf } from '../support/interactions.ts';
import { type BenchSystem, cpuOf, cpuOfFamily } from '../support/system.ts';
import { takeTurns } from '../support/turns.ts';

const perRequest = 500;

/** As many as we have statements under way at once. */
const connections = columnStatements;

/** Empty the tables that events go into, and let PostgreSQL write out what it owes for others. */
const startOver = async ({ db, queue }: BenchSystem): Promise<void> => {
  await emptyQueue(queue, '{*:interactions}*');
  await emptyQueue(queue, 'rival:*');
  await db`truncate interactions, processed_events, dirty_keys, dirty_sets`;
  await db`checkpoint`;
};

/** From the request to the committed row, API, queue, worker and all. */
export const commit = defineScenario({
  figures: [
    {
      name: 'commit-vs-rival',
      unit: 'events/s',
      what: 'interactions from request to committed row, to one job and one insert per event',
      against: 'rival',
      aim: { of: 'ratio', want: '>=', value: 10 },
    },
    {
      name: 'commit-vs-unnest',
      unit: 'events/s',
      what: 'the same, to bare insert … select from unnest by as many connections, no HTTP and no queue',
      against: 'limit',
      aim: { of: 'ratio', want: '>=', value: 0.6 },
    },
  ],
  async run(stage: Stage) {
    const system = await stage.startSystem({ WORKER_QUEUES: 'interactions' });
    const { db, key, url, urls } = system;
    await fillPeople(db, { users: 30_000, products: 10_000 });
    const events = stage.size('events', { s: 200_000, l: 1_000_000 });
    const rivalEvents = stage.size('rival-events', { s: 10_000, l: 50_000 });
    const concurrency = stage.size('rival-concurrency', { s: 25, l: 25 });
    const rows = await drawInteractions(db, Math.min(events, 200_000));
    const requests = requestsOf(rows, { shape: 'array', perRequest, key });
    const rivalPort = await findFreePort();
    const api = await system.startOwn('api');
    const redis = await system.queuePid();
    await system.start('bench/rivals/route.js', { PORT: String(rivalPort), REDIS_URL: urls.queue });

    // Both workers stay, so that both are warm: one that has nothing to do costs next to nothing.
    const worker = await system.startOwn('worker');
    await system.start('bench/rivals/worker.js', {
      ...{ DATABASE_URL: urls.database, REDIS_URL: urls.queue, CONCURRENCY: String(concurrency) },
    });
    const postgres = await system.postgresPid();
    const watchCpu = async () => {
      const read = async () => ({
        caller: Object.values(process.cpuUsage()).reduce((sum, us) => sum + us, 0),
        api: await cpuOf(api.pid),
        redis: await cpuOf(redis),
        worker: await cpuOf(worker.pid),
        postgres: await cpuOfFamily(postgres),
      });
      const before = await read();
      return async (count: number) =>
        Object.fromEntries(
          Object.entries(await read()).map(([part, us]): [string, number] => [
            part,
            Math.round((10 * (us - before[part as keyof typeof before])) / count) / 10,
          ]),
        );
    };
    const cpu: Record<'ours' | 'limit', Record<string, number>> = { ours: {}, limit: {} };
    const ours = async (count = events) => {
      await startOver(system);
      const spent = await watchCpu();
      const perSecond = await commitAll(system, {
        ...{ port: Number(new URL(url).port), requests, perRequest, events: count },
        queue: ownQueue('interactions'),
      });
      cpu.ours = await spent(count);
      stage.say(`ours  ${Math.round(perSecond)}/s, CPU in µs each: ${JSON.stringify(cpu.ours)}`);
      return perSecond;
    };
    const rival = async (count = rivalEvents) => {
      await startOver(system);
      const perSecond = await commitAll(system, {
        ...{ port: rivalPort, requests, perRequest, events: count, queue: 'rival:interactions' },
      });
      stage.say(`rival ${Math.round(perSecond)}/s`);
      return perSecond;
    };
    const limit = async () => {
      await startOver(system);
      const spent = await watchCpu();
      const seconds = await insertBare(rows, events, {
        ...{ url: urls.database, connections, perStatement: perRequest },
      });
      const { caller = 0, postgres: database = 0 } = await spent(events);
      cpu.limit = { caller, postgres: database };
      stage.say(`limit ${Math.round(events / seconds)}/s, CPU in µs each: ${JSON.stringify(cpu.limit)}`);
      return events / seconds;
    };
    // Or the first round would be about code that is being compiled, and files of the write-ahead log that are being made.
    await limit();
    await ours(Math.min(100_000, events));
    await rival(Math.min(10_000, rivalEvents));
    const found = await takeTurns(stage.rounds, { ours, rival, limit });
    const notes = {
      ...{ events, rival_events: rivalEvents, rival_concurrency: concurrency },
      ...{ connections, events_per_request: perRequest, cpu_us: cpu },
    };
    return {
      'commit-vs-rival': { ...found, notes },
      'commit-vs-unnest': { ...found, notes },
    };
  },
});
