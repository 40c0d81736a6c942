import { setTimeout as delay } from 'node:timers/promises';
import type { Slot } from '../rig.ts';
import type { Scenario } from '../scenario.ts';

/** The moments of an event's way at which whoever carries it dies. */
const steps: readonly [kind: 'api' | 'worker', point: string][] = [
  ['api', 'request-read'],
  ['api', 'before-add'],
  ['api', 'added-before-202'],
  ['worker', 'fetched'],
  ['worker', 'before-apply'],
  ['worker', 'apply-sent'],
  ['worker', 'applied-before-follow-ups'],
  ['worker', 'applied-before-ack'],
];

export const processes: readonly Scenario[] = [
  {
    name: 'F1-kill-anything',
    promise: 'kill -9 at random over API, workers, Redis and PostgreSQL: nothing lost, nothing twice',
    drainMs: 120_000,
    async run({ rig, load, random, at, note }) {
      const events = at({ s: 5_000, m: 100_000, l: 1_000_000 });
      const kills = at({ s: 5, m: 50, l: 200 });
      const running = load.run({
        ...{ clients: at({ s: 8, m: 40, l: 40 }), givenUp: 0.02, batch: at({ s: 20, m: 200, l: 200 }) },
        eventsPerSecond: at({ s: 200, m: 1_500, l: 1_800 }),
      });
      const healing = new Set<Promise<void>>();
      // Every kind of part at least once, in an order of its own.
      const parts = random.shuffle(['api', 'worker', 'queue', 'postgres', 'api', 'worker'] as const);
      for (let kill = 0; kill < kills; kill += 1) {
        await delay(300 + random.below(at({ s: 1_200, m: 1_500, l: 2_500 })));
        // Spread over all events, however slowly they are taken meanwhile.
        while (running.made() < (events * kill) / kills) await delay(50);
        const part = kill % 25 === 24 ? 'cache' : (parts[kill % parts.length] as (typeof parts)[number]);
        const down = random.below(1_500);
        note(`kill ${kill + 1}: ${part}, down ${down} ms`);
        if (part === 'api' || part === 'worker') {
          // While it comes back, what it needs to come back may die too, and the other one of its kind.
          const up = () => rig[part].filter((slot) => slot.up());
          while (up().length === 0) await delay(50);
          const healed = rig.killProcess(random.pick(up()), down);
          healing.add(healed);
          void healed.finally(() => healing.delete(healed));
        } else {
          await rig.killServer(part);
          await delay(down);
          await rig.restartServer(part);
        }
      }
      await Promise.all(healing);
      await running.finish(events, 600_000);
    },
  },
  {
    name: 'F2-kill-at-each-step',
    promise: 'whoever carries an event dies at a named step of its way: nothing lost, nothing twice',
    async run({ rig, load, at, expect, note, patience }) {
      for (let round = 0; round < at({ s: 1, m: 5, l: 20 }); round += 1) {
        const running = load.run({ clients: 4, eventsPerSecond: 40, batch: 6 });
        // One API and one worker at a time: an event that is in hand whenever a worker dies is a suspect.
        const inTurn = async (kind: 'api' | 'worker') => {
          const points = steps.flatMap(([of, point]) => (of === kind ? [point] : []));
          for (const [nth, point] of points.entries()) {
            const target = rig[kind][nth % rig[kind].length] as Slot;
            await target.stop('SIGTERM');
            const before = target.ownEnds;
            // It may die before it has said that it is ready.
            const started = target.start({ FAULT_POINT: point });
            const deadline = Date.now() + patience * 15_000;
            while (target.ownEnds === before && Date.now() < deadline) await delay(20);
            expect(target.ownEnds > before, `nothing ever came to the step ${point}`);
            if (target.ownEnds > before) rig.kills += 1;
            note(`died at ${point}`);
            await started;
            if (target.ownEnds === before) {
              await target.stop('SIGTERM');
              await target.start();
            }
          }
        };
        await Promise.all([inTurn('api'), inTurn('worker')]);
        await running.finish();
      }
    },
  },
  {
    name: 'F7-no-worker',
    promise:
      'all workers dead while intake runs: nothing lost, the first is applied within 20 s of their return',
    async run({ rig, load, judge, at, until, note, patience }) {
      const running = load.run({ clients: 4, eventsPerSecond: at({ s: 100, m: 200, l: 200 }) });
      await delay(500);
      await Promise.all(rig.worker.map((worker) => worker.stop('SIGKILL')));
      rig.kills += rig.worker.length;
      await delay(at({ s: 4_000, m: 60_000, l: 600_000 }));
      const applied = async () =>
        (await judge.db<{ rows: number }>`select count(*)::integer as rows from interactions`)[0]?.rows ?? 0;
      const before = await applied();
      const started = Promise.all(rig.worker.map((worker) => worker.start()));
      const took = await until(
        'something is applied',
        async () => (await applied()) > before,
        patience * 20_000,
      );
      note(`first applied ${Math.round(took)} ms after the workers were started`);
      await started;
      await running.finish();
    },
  },
  {
    name: 'F8-rolling-restart',
    promise:
      'every process is restarted in order under load: no request fails, no job stalls, each ends within 10 s',
    async run({ rig, load, at, expect, note, patience }) {
      const running = load.run({ clients: 4, eventsPerSecond: at({ s: 50, m: 100, l: 100 }) });
      for (let round = 0; round < at({ s: 1, m: 10, l: 30 }); round += 1) {
        for (const slot of [...rig.api, ...rig.worker, rig.scheduler]) {
          await delay(200);
          const began = performance.now();
          const how = await slot.stop('SIGTERM');
          const took = performance.now() - began;
          expect(how === 'ended with exit code 0', `${slot.name} ${how}`);
          expect(took < 10_000 + 1_000 * patience, `${slot.name} took ${Math.round(took)} ms to end`);
          await slot.start();
        }
      }
      await running.finish();
      // A connection refused, or cut while it was idle, is the caller's to repeat elsewhere.
      const odd = [...load.statuses.keys()].filter(
        (status) => !['202', '503', 'ECONNREFUSED', 'UND_ERR_SOCKET', 'ECONNRESET'].includes(status),
      );
      expect(odd.length === 0, `other answers: ${odd.join(', ')}`);
      note('all restarted');
    },
  },
  {
    name: 'F9-frozen-worker',
    promise: 'a worker is frozen for longer than its lock and goes on: nothing twice, and it lives',
    async run({ rig, load, at, expect, until, judge }) {
      const [frozen] = rig.worker as [Slot];
      const running = load.run({ clients: 4, eventsPerSecond: at({ s: 50, m: 100, l: 100 }) });
      await delay(1_000);
      const ends = frozen.ownEnds;
      frozen.signal('SIGSTOP');
      rig.kills += 1;
      await delay(at({ s: 11_000, m: 60_000, l: 60_000 }));
      frozen.signal('SIGCONT');
      await delay(at({ s: 1_000, m: 5_000, l: 5_000 }));
      await running.finish();
      await until('the worker works', async () => frozen.up(), 5_000);
      expect(frozen.ownEnds === ends, 'the frozen worker ended');
      expect(
        (await judge.db`select from parked_events where reason like 'killed%'`).length === 0,
        'blamed an event',
      );
    },
  },
];
