import { findFreePort } from '../../src/embedded/endpoint.ts';
import { defineScenario, type Figure, type Scale, type Stage } from '../scenario.ts';
import { median } from '../support/figures.ts';
import { press } from '../support/http.ts';
import {
  cycle,
  drawInteractions,
  emptyQueue,
  fillPeople,
  requestsOf,
  type Shape,
} from '../support/interactions.ts';
import { cpuOf } from '../support/system.ts';
import { takeTurns } from '../support/turns.ts';

interface Load {
  shape: Shape;
  perRequest: number;
  connections: number;
  /** Of a turn. */
  requests: Record<Scale, number>;
  /** Of a turn of the rival, whose speed does not depend on it. */
  rivalRequests: Record<Scale, number>;
}

/**
 * Events accepted a second, no worker beside: ours against the same route that validates and keeps nothing (limit), and
 * against one that adds a job for each event (rival). Ours checks keys, logs, counts, and is durable when it answers.
 */
const intake = (figure: Omit<Figure, 'unit'>, load: Load) => {
  const { shape, perRequest, connections } = load;
  return defineScenario({
    figures: [{ ...figure, unit: shape === 'single' ? 'requests/s' : 'events/s' }],
    run: async (stage: Stage) => {
      const system = await stage.startSystem();
      const { db, queue, key, url, urls } = system;
      await fillPeople(db, { users: 10_000, products: 5_000 });
      const events = await drawInteractions(db, Math.max(20_000, 20 * perRequest));
      const next = cycle(requestsOf(events, { shape, perRequest, key }));
      const [barePort, rivalPort] = [await findFreePort(), await findFreePort()];
      const sides = {
        ours: { child: await system.startOwn('api'), port: Number(new URL(url).port) },
        limit: {
          child: await system.start('bench/rivals/route.js', { PORT: String(barePort) }),
          port: barePort,
        },
        rival: {
          child: await system.start('bench/rivals/route.js', {
            ...{ PORT: String(rivalPort), REDIS_URL: urls.queue },
          }),
          port: rivalPort,
        },
      };
      const redis = await system.queuePid();
      const requests = stage.size('requests', load.requests);
      const rivalRequests = stage.size('rival-requests', load.rivalRequests);
      const turn = async (side: keyof typeof sides, requests: number) => {
        const { child, port } = sides[side];
        const before = [await cpuOf(child.pid), await cpuOf(redis)] as const;
        const { seconds, refused } = await press({ port, connections, next, requests });
        const count = requests * perRequest;
        const found = {
          refused,
          perSecond: count / seconds,
          cpu: ((await cpuOf(child.pid)) - before[0]) / count,
          redisCpu: ((await cpuOf(redis)) - before[1]) / count,
        };
        await emptyQueue(queue, '{*:interactions}*');
        await emptyQueue(queue, 'rival:*');
        stage.say(
          `${side.padEnd(5)} ${Math.round(found.perSecond)}/s, CPU ${found.cpu.toFixed(1)} µs and ${found.redisCpu.toFixed(1)} µs of Redis each`,
        );
        return found;
      };
      // Until what runs is compiled.
      await turn('ours', Math.ceil(requests / 4));
      await turn('limit', Math.ceil(requests / 4));
      await turn('rival', Math.ceil(rivalRequests / 2));
      const found = await takeTurns(stage.rounds, {
        ours: () => turn('ours', requests),
        limit: () => turn('limit', requests),
        rival: () => turn('rival', rivalRequests),
      });
      type What = keyof (typeof found.ours)[number];
      const of = (side: keyof typeof sides, what: What) => found[side].map((one) => one[what]);
      const cpu = (side: keyof typeof sides, what: What) => Math.round(10 * median(of(side, what))) / 10;
      return {
        [figure.name]: {
          ours: of('ours', 'perSecond'),
          rival: of('rival', 'perSecond'),
          limit: of('limit', 'perSecond'),
          notes: {
            ...{ connections, events_per_request: perRequest, requests, rival_requests: rivalRequests },
            refused: of('ours', 'refused').reduce((sum, count) => sum + count, 0),
            api_cpu_us: { ours: cpu('ours', 'cpu'), rival: cpu('rival', 'cpu'), limit: cpu('limit', 'cpu') },
            redis_cpu_us: { ours: cpu('ours', 'redisCpu'), rival: cpu('rival', 'redisCpu') },
          },
        },
      };
    },
  });
};

export const singleIntake = intake(
  {
    name: 'single-intake',
    what: 'requests of one interaction each, accepted, to the same Express route with validation and no queue',
    against: 'limit',
    aim: { of: 'ratio', want: '>=', value: 0.85 },
  },
  {
    ...{ shape: 'single', perRequest: 1, connections: 256 },
    ...{ requests: { s: 20_000, l: 100_000 }, rivalRequests: { s: 6_000, l: 30_000 } },
  },
);

export const arrayIntake = intake(
  {
    name: 'array-intake',
    what: 'interactions accepted in arrays of 1,000; the ratio is to one job per event',
    against: 'rival',
    aim: { of: 'ours', want: '>=', value: 80_000 },
  },
  {
    ...{ shape: 'array', perRequest: 1_000, connections: 8 },
    ...{ requests: { s: 300, l: 1_000 }, rivalRequests: { s: 16, l: 48 } },
  },
);

export const ndjsonIntake = intake(
  {
    name: 'ndjson-intake',
    what: 'interactions accepted in streams of 10,000 lines; the ratio is to one job per event',
    against: 'rival',
    aim: { of: 'ours', want: '>=', value: 80_000 },
  },
  {
    ...{ shape: 'ndjson', perRequest: 10_000, connections: 4 },
    ...{ requests: { s: 32, l: 100 }, rivalRequests: { s: 4, l: 8 } },
  },
);
