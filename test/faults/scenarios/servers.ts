import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario, Stage } from '../scenario.ts';

/** How long it takes from now until an event is both accepted and applied. */
const untilApplied = async (
  { load, shop, judge, until, patience }: Stage,
  what: string,
  withinMs: number,
) => {
  const [event] = [shop.interaction()];
  const sent = load.send([event], { backOffMs: 50 });
  const took = await until(
    what,
    async () => (await judge.db`select from processed_events where event_id = ${event.event_id}`).length > 0,
    patience * withinMs,
  );
  await sent;
  return Math.round(took);
};

export const servers: readonly Scenario[] = [
  {
    name: 'F3-redis-killed',
    promise: 'the queue Redis is killed and comes back: applying again within 15 s, by the same processes',
    async run(stage) {
      const { rig, load, at, random, expect, note } = stage;
      const before = rig.ownEnds();
      const running = load.run({
        ...{ clients: 4, givenUp: 0.02 },
        eventsPerSecond: at({ s: 100, m: 300, l: 300 }),
      });
      for (let round = 0; round < at({ s: 2, m: 20, l: 20 }); round += 1) {
        await delay(500);
        await rig.killServer('queue');
        // Past the 6 s after which older BullMQ never came back.
        const down = round === 0 ? 7_000 : 500 + random.below(at({ s: 1_000, m: 15_000, l: 60_000 }));
        await delay(down);
        await rig.restartServer('queue');
        note(
          `down ${down} ms, applying again after ${await untilApplied(stage, 'applying again', 15_000)} ms`,
        );
      }
      await running.finish();
      expect(rig.ownEnds() === before, 'a process ended');
    },
  },
  {
    name: 'F5-postgres-killed',
    promise:
      'PostgreSQL is killed and comes back, backends are terminated at random: nothing is parked or mixed up',
    async run(stage) {
      const { rig, load, at, random, judge, note } = stage;
      const running = load.run({ clients: 4, eventsPerSecond: at({ s: 100, m: 300, l: 300 }) });
      for (let round = 0; round < at({ s: 2, m: 20, l: 20 }); round += 1) {
        await delay(500);
        await rig.killServer('postgres');
        const down = 200 + random.below(at({ s: 2_000, m: 10_000, l: 60_000 }));
        await delay(down);
        await rig.restartServer('postgres');
        note(
          `down ${down} ms, applying again after ${await untilApplied(stage, 'applying again', 20_000)} ms`,
        );
      }
      const ends = Date.now() + at({ s: 3_000, m: 120_000, l: 120_000 });
      let terminated = 0;
      while (Date.now() < ends) {
        const ended = await judge.db`
          select pg_terminate_backend(pid) from (
            select pid from pg_stat_activity
            where application_name like 'zyra-%' and datname = current_database()
            order by random() limit ${1 + random.below(4)}) as victims`;
        terminated += ended.length;
        await delay(100);
      }
      note(`${terminated} backends terminated`);
      rig.kills += terminated;
      await running.finish();
    },
  },
];
