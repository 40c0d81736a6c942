import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createClient } from '../../support/client.ts';
import type { Rig } from '../rig.ts';
import type { Scenario, Stage } from '../scenario.ts';

/** Resident memory of the API processes in MiB, the largest. */
const apiMemory = ({ api }: Rig): number =>
  Math.max(
    ...api.map((slot) => {
      const status = slot.up() ? readFileSync(`/proc/${slot.pid()}/status`, 'utf8') : '';
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
    }),
  );

const onlyPolite = ({ load, expect }: Stage) => {
  const odd = [...load.statuses.keys()].filter((status) => !['202', '429', '503'].includes(status));
  expect(odd.length === 0, `other answers: ${JSON.stringify(Object.fromEntries(load.statuses))}`);
  expect(load.withoutAdvice() === 0, `${load.withoutAdvice()} refusals did not say when to ask again`);
};

const share = (values: readonly number[], of: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(of * (values.length - 1))] ?? 0;

/** Every API anew, with other settings; and again as they were. */
const restartApis = async (rig: Rig, special: Record<string, string> = {}) => {
  await Promise.all(rig.api.map((slot) => slot.stop('SIGTERM')));
  await Promise.all(rig.api.map((slot) => slot.start(special)));
};

export const overload: readonly Scenario[] = [
  {
    name: 'O1-ten-times-too-much',
    promise: 'more than can be applied: only 202, 429 and 503, memory bounded, nothing accepted is lost',
    wired: true,
    drainMs: 120_000,
    async run(stage) {
      const { rig, load, shop, at, expect, note, patience } = stage;
      // PostgreSQL is what is slow, and far away: were it the processor, which the callers here share, they could not ask
      // for ten times what is applied. Where intake closes is a setting; reached sooner, it says the same.
      const [worker, ...others] = rig.worker;
      await Promise.all(others.map((other) => other.stop('SIGTERM')));
      await worker?.stop('SIGTERM');
      rig.wires.worker.postgres.delay(at({ s: 50, m: 350, l: 350 }));
      await worker?.start({ WORKER_CONCURRENCY: '1' });
      await restartApis(rig, { INTAKE_BACKLOG_JOBS: at({ s: '10', m: '20', l: '20' }) });
      // What an API takes whose code was all in use, and that has little to do.
      await load.run({ clients: 4, eventsPerSecond: 100 }).finish(at({ s: 200, m: 1_000, l: 3_000 }));
      const before = apiMemory(rig);
      load.slow.length = 0;
      const [offered, taken, began] = [load.offered(), load.taken(), performance.now()];
      // Who is refused asks again soon, with the same request: what is too much is the asking, so the books stay short. Of
      // one kind, so that many go into a request and the clients are not what is slow.
      const running = load.run({
        ...{ clients: 12, eventsPerSecond: 100_000, batch: 100, givenUp: 0.005 },
        backOffMs: 40,
        next: () => shop.interaction(),
      });
      const lasts = at({ s: 3_000, m: 60_000, l: 300_000 });
      let most = before;
      while (performance.now() - began < lasts) {
        most = Math.max(most, apiMemory(rig));
        await delay(200);
      }
      const seconds = (performance.now() - began) / 1_000;
      // With little room to wait in, what is taken is what can be applied.
      const [asked, done] = [(load.offered() - offered) / seconds, (load.taken() - taken) / seconds];
      note(`${Math.round(asked)} events a second offered, ${Math.round(done)} taken`);
      await running.finish(0, 120_000);
      note(
        `${Math.round(before)} MiB before, ${Math.round(most)} at most; 99 % answered in ${Math.round(share(load.slow, 0.99))} ms`,
      );
      expect(asked > at({ s: 0, m: 10, l: 10 }) * done, 'it was not ten times too much');
      expect(
        most < at({ s: 2 * before + 32, m: 1.5 * before, l: 1.5 * before }),
        `memory grew from ${before} to ${most} MiB`,
      );
      expect(share(load.slow, 0.99) < 250 * patience, 'slow');
      onlyPolite(stage);
      await worker?.stop('SIGTERM');
      await restartApis(rig);
    },
  },
  {
    name: 'O2-no-room-in-redis',
    promise:
      'workers stopped and little memory for the queue: 503 before Redis refuses anything; it recovers alone',
    drainMs: 180_000,
    async run(stage) {
      const { rig, load, expect, until, patience, note } = stage;
      await Promise.all(rig.worker.map((worker) => worker.stop('SIGTERM')));
      const redis = new Redis(rig.system.servers.queue.url);
      const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
      await redis.config('RESETSTAT');
      // Intake closes at 70 %: there is room for about 4 MB until then.
      await redis.config('SET', 'maxmemory', String(Math.round(((await used()) + 4 * 2 ** 20) / 0.7)));
      const running = load.run({ clients: 8, eventsPerSecond: 100_000, batch: 200, givenUp: 0.3 });
      await until('intake closes', async () => (load.statuses.get('503') ?? 0) > 20, patience * 30_000);
      const refused = running.finish(0, 300_000);
      const errors = await redis.info('errorstats');
      expect(!errors.includes('OOM'), `Redis refused: ${errors}`);
      note(`closed at ${Math.round((await used()) / 2 ** 20)} MiB after ${load.sent()} events`);
      await Promise.all(rig.worker.map((worker) => worker.start()));
      await refused;
      await redis.config('SET', 'maxmemory', '1gb');
      redis.disconnect();
      onlyPolite(stage);
    },
  },
  {
    name: 'O3-idle-and-slow-callers',
    promise:
      'many idle and many dawdling connections: others are served, those that never end are closed within 30 s',
    async run(stage) {
      const { rig, load, at, expect, until, patience, note } = stage;
      await load.run({ clients: 4, eventsPerSecond: 100, batch: 4 }).finish(200);
      const base = share(load.slow, 0.99);
      load.slow.length = 0;
      const { port } = new URL(rig.urls()[0] as string);
      const open = (text: string) =>
        new Promise<Socket>((resolve) => {
          const socket = connect(Number(port), '127.0.0.1', () => {
            socket.write(text);
            resolve(socket);
          });
          socket.on('error', () => {});
        });
      const idle = await Promise.all(
        Array.from({ length: at({ s: 300, m: 5_000, l: 10_000 }) }, () => open('')),
      );
      const slow = await Promise.all(
        Array.from({ length: at({ s: 100, m: 1_000, l: 1_000 }) }, () =>
          open('POST /v1/interactions HTTP/1.1\r\nHost: x\r\nX-'),
        ),
      );
      const drip = setInterval(() => {
        for (const socket of slow) if (socket.writable) socket.write('a');
      }, 500);
      await load.run({ clients: 4, eventsPerSecond: 100, batch: 4 }).finish(200);
      note(`99 % of others in ${Math.round(share(load.slow, 0.99))} ms, ${Math.round(base)} ms before`);
      expect(share(load.slow, 0.99) < 2 * base + 50 * patience, 'others became slow');
      await until(
        'the slow ones are closed',
        async () => slow.every(({ closed, destroyed }) => closed || destroyed),
        patience * 30_000,
      );
      clearInterval(drip);
      for (const socket of [...idle, ...slow]) socket.destroy();
    },
  },
  {
    name: 'O4-one-hot-product',
    promise:
      'half of everything is about one product and one user: as applied as ever, no deadlock reaches anybody',
    async run(stage) {
      const { rig, load, shop, random, at, expect, patience, judge, note, until } = stage;
      const [product_id, user_id] = [shop.products[0] as string, shop.buyers[0] as string];
      const log = () => readFileSync(`${rig.system.dir}/postgres/postgres.log`, 'utf8');
      const before = log().length;
      const many = at({ s: 2_000, m: 20_000, l: 100_000 });
      const applied = async () =>
        Number(
          (await judge.db<{ rows: number }>`select count(*)::integer as rows from interactions`)[0]?.rows,
        );
      const rate = async (next: () => ReturnType<typeof shop.interaction>) => {
        const before = await applied();
        const began = performance.now();
        await load.send(Array.from({ length: many }, next), { batch: 500 });
        await until('all are applied', async () => (await applied()) >= before + many, patience * 120_000);
        return many / ((performance.now() - began) / 1_000);
      };
      const uniform = await rate(() => shop.interaction());
      const hot = await rate(() => shop.interaction(random.chance(0.5) ? { product_id, user_id } : {}));
      note(`${Math.round(uniform)} events a second, ${Math.round(hot)} when half are hot`);
      expect(hot > at({ s: 0.2, m: 0.6, l: 0.6 }) * uniform, 'a hot product slows everything down');
      expect(!log().slice(before).includes('deadlock detected'), 'PostgreSQL found a deadlock');
    },
  },
  {
    name: 'O6-redis-away',
    promise:
      'the queue Redis is gone, or swallows everything: 503 with advice within 1.1 s each time, memory flat',
    async run(stage) {
      const { rig, load, shop, at, expect, note } = stage;
      for (let round = 0; round < 20; round += 1)
        await Promise.all(Array.from({ length: 10 }, () => load.send([shop.interaction()])));
      const before = apiMemory(rig);
      const wanted = at({ s: 300, m: 1_000, l: 1_000 });
      for (const how of ['killed', 'silent']) {
        if (how === 'killed') await rig.killServer('queue');
        else rig.system.servers.queue.kill('SIGSTOP');
        const answers: number[] = [];
        while (answers.length < wanted)
          answers.push(
            ...(await Promise.all(Array.from({ length: 50 }, () => load.try([shop.interaction()])))),
          );
        const odd = answers.filter((status) => status !== 503);
        expect(odd.length === 0, `${how}: answered ${[...new Set(odd)].join(', ')}`);
        if (how === 'killed') await rig.restartServer('queue');
        else rig.system.servers.queue.kill('SIGCONT');
        expect(await load.send([shop.interaction()]), `${how}: not taken again`);
      }
      note(
        `slowest ${Math.round(load.slowest())} ms; ${Math.round(before)} MiB before, ${Math.round(apiMemory(rig))} after`,
      );
      expect(load.slowest() < at({ s: 5_000, m: 1_100, l: 1_100 }), `one took ${load.slowest()} ms`);
      expect(load.withoutAdvice() === 0, 'some did not say when to ask again');
      expect(apiMemory(rig) < before + 64, 'memory grew');
    },
  },
  {
    name: 'O7-postgres-away',
    promise: 'PostgreSQL is gone: intake goes on, reads answer 200 or 503 and never hang, nothing is parked',
    async run(stage) {
      const { rig, load, shop, at, expect, patience, note } = stage;
      await load.send([shop.interaction()]);
      await rig.killServer('postgres');
      const ends = Date.now() + at({ s: 5_000, m: 60_000, l: 600_000 });
      const read = createClient(rig.urls()[0] as string, rig.system.keys.read);
      const [product] = shop.products;
      let slowest = 0;
      const taken: number[] = [];
      while (Date.now() < ends) {
        taken.push(...(await Promise.all(Array.from({ length: 5 }, () => load.try([shop.interaction()])))));
        const reads = [
          ...[`/v1/users/${shop.buyers[1]}/recommendations`, `/v1/products/${product}`, '/v1/search?q=Thing'],
          ...[`/v1/products/${product}/similar`, '/v1/popular'],
        ].map(async (path) => {
          const began = performance.now();
          const { status } = await read.get(path);
          slowest = Math.max(slowest, performance.now() - began);
          expect(status === 200 || status === 503, `${path}: ${status}`);
        });
        await Promise.all(reads);
      }
      await rig.restartServer('postgres');
      expect(
        taken.every((status) => status === 202),
        `intake answered ${[...new Set(taken)].join(', ')}`,
      );
      note(`${taken.length} taken meanwhile, slowest read ${Math.round(slowest)} ms`);
      expect(slowest < 16_000 + 1_000 * patience, `a read took ${Math.round(slowest)} ms`);
    },
  },
  {
    name: 'O8-callers-without-manners',
    promise:
      'callers hammer without a pause while Redis is away and when it is back: the backlog drains, nothing breaks',
    async run(stage) {
      const { rig, load, expect, at } = stage;
      const before = rig.ownEnds();
      const running = load.run({
        clients: 16,
        eventsPerSecond: at({ s: 300, m: 1_000, l: 1_000 }),
        backOffMs: 0,
        batch: 10,
      });
      await delay(500);
      await rig.killServer('queue');
      await delay(at({ s: 2_000, m: 20_000, l: 60_000 }));
      await rig.restartServer('queue');
      await running.finish(at({ s: 1_000, m: 30_000, l: 100_000 }));
      expect(rig.ownEnds() === before, 'a process ended');
      onlyPolite(stage);
    },
  },
];
