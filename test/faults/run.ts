import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { listReleasable } from '../../src/db/parked-events.ts';
import { seeded } from '../support/random-shop.ts';
import { countPending, createJudge, type Judge } from './judge.ts';
import { createLoad } from './load.ts';
import { preparePower } from './power.ts';
import { type Rig, startRig } from './rig.ts';
import type { Scale, Scenario, Stage } from './scenario.ts';
import { createShop } from './shop-events.ts';

/** The line of a scenario. */
export interface Verdict {
  scenario: string;
  seed: number;
  events: number;
  kills: number;
  lost: number;
  double: number;
  unexpected: number;
  recovered: number;
  aggregates_differ: number;
  seconds: number;
  passed: boolean;
}

interface RunnerOptions {
  seed: number;
  scale: Scale;
  /** For a person. */
  log: (line: string) => void;
  rig?: Partial<Parameters<typeof startRig>[0]>;
}

/** Where events are until they are applied; the other queues only repeat what the tables ask for. */
const intakeQueues = ['interactions', 'purchases', 'reviews', 'catalog', 'users'];

/** Jobs by state at one moment, read from Redis itself. */
export const countJobs = async (redis: Redis, queue: string): Promise<Record<string, number>> => {
  const key = (name: string) => `{zyra:${queue}}:${queue}:${name}`;
  const counted = await redis
    .multi()
    .llen(key('wait'))
    .llen(key('active'))
    .llen(key('paused'))
    .zcard(key('delayed'))
    .zcard(key('failed'))
    .exec();
  const [wait, active, paused, delayed, failed] = (counted ?? []).map(([error, count]) => {
    if (error) throw error;
    return count as number;
  }) as [number, number, number, number, number];
  return { wait, active, paused, delayed, failed };
};

const whatIsLeft = async (rig: Rig, judge: Judge): Promise<Record<string, number>> => {
  const redis = new Redis(rig.system.servers.queue.url, { lazyConnect: true, maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  const left: Record<string, number> = {};
  const countQueues = async () => {
    for (const queue of intakeQueues)
      for (const [state, count] of Object.entries(await countJobs(redis, queue)))
        if (count > 0) left[`${queue}/${state}`] = count;
  };
  try {
    // In the order in which events go, or one that moves on meanwhile is seen nowhere: from a queue or, released, through a
    // queue into the tables, which then have a mark until what follows from it is counted.
    await countQueues();
    const releasable = (await listReleasable(judge.db, 1_000)).length;
    if (releasable > 0) left.releasable = releasable;
    else await countQueues();
    return { ...left, ...(await countPending(judge.db)) };
  } finally {
    redis.disconnect();
  }
};

/** A number from a name, so that a scenario has the same choices alone as among others. */
const mix = (seed: number, name: string): number => {
  let mixed = seed;
  for (const char of name) mixed = (Math.imul(mixed, 31) + char.charCodeAt(0)) >>> 0;
  return mixed;
};

/** One running system on which scenarios are played one after another, each judged alone. */
export const startRunner = async ({ seed, scale, log, rig: rigOptions = {} }: RunnerOptions) => {
  const patience = scale === 's' ? 5 : 1;
  const power = await preparePower();
  const rig = await startRig({ log, serverEnv: power?.env ?? {}, ...rigOptions }).catch(
    async (error: unknown) => {
      await power?.close();
      throw error;
    },
  );
  const judge = await createJudge(rig.system.servers.postgres.url).catch(async (error: unknown) => {
    await rig.stop();
    throw error;
  });

  /** Wait until nothing is left, for as long as it gets less: a slow machine is no loss. @returns what is left */
  const drain = async (stuckMs: number): Promise<Record<string, number>> => {
    let left: Record<string, number> = { unknown: 1 };
    // Apart, because what is applied makes marks: jobs get fewer while marks get more.
    const least = new Map<string, number>();
    for (let since = performance.now(); performance.now() - since < stuckMs; await delay(50)) {
      left = await whatIsLeft(rig, judge).catch(() => left);
      if (Object.keys(left).length === 0) break;
      for (const [what, count] of Object.entries(left)) {
        const before = least.get(what);
        if (before !== undefined && count >= before) continue;
        if (before !== undefined) since = performance.now();
        least.set(what, count);
      }
      for (const [what, count] of least) {
        if (what in left || count === 0) continue;
        since = performance.now();
        least.set(what, 0);
      }
    }
    return left;
  };

  const play = async (scenario: Scenario): Promise<Verdict> => {
    const began = performance.now();
    const kills = rig.kills;
    const problems: string[] = [];
    const postgresLog = () => readFileSync(join(rig.system.dir, 'postgres/postgres.log'), 'utf8');
    const logged = postgresLog().length;
    const choices = mix(seed, scenario.name);
    const shop = createShop(seeded(choices), scale === 's' ? { products: 24, users: 80 } : {});
    const load = createLoad({
      ...{ name: scenario.name, dir: rig.system.dir, shop, key: rig.system.keys.write },
      random: seeded(choices + 1),
      targets: () => rig.urls(),
    });
    const elapsed = () => performance.now() - began;
    const note = (line: string) =>
      log(`${scenario.name} ${(elapsed() / 1_000).toFixed(1).padStart(6)} s  ${line}`);
    const stage: Stage = {
      ...{ rig, judge, shop, load, note, power },
      random: seeded(choices + 2),
      at: (values) => values[scale],
      patience,
      expect: (holds, otherwise) => {
        if (!holds) problems.push(otherwise);
      },
      async until(what, holds, withinMs) {
        const from = performance.now();
        for (;;) {
          const does = await holds().catch(() => false);
          const took = performance.now() - from;
          if (does) return took;
          if (took > withinMs) {
            problems.push(`${what}: not within ${withinMs / 1_000} s`);
            return took;
          }
          // Looking costs the same processor: the longer it takes, the less often.
          await delay(Math.min(50 + took / 20, 500));
        }
      },
    };
    const { note: _, ...quiet } = stage;
    try {
      await rig.settle(scenario.wired ?? false);
      // One model is enough to make lists with; a small run would train another one most of the time.
      if (scale === 's')
        await judge.db`update model_training set trained_signals = 1e12 where exists (select from models)`;
      await load.send(shop.opening());
      await quiet.until(
        'the shop opens',
        async () =>
          (
            await judge.db`
        select from products where product_id = any(${shop.products}::uuid[])`
          ).length === shop.products.length &&
          (await judge.db`select from reviews where product_id = any(${shop.products}::uuid[])`).length > 0,
        patience * 30_000,
      );
      await scenario.run(stage);
    } catch (error) {
      problems.push(`the scenario could not be played: ${(error as Error).stack}`);
      note(problems.at(-1) as string);
    }
    await rig.settle().catch((error: Error) => problems.push(`not repaired: ${error.message}`));
    await load.finish();
    note('repaired');
    const drainBegan = performance.now();
    const left = await drain(patience * (scenario.drainMs ?? 60_000));
    note(`drained in ${((performance.now() - drainBegan) / 1_000).toFixed(1)} s`);
    if (Object.keys(left).length > 0)
      problems.push(`nothing more is applied, so nothing below counts; left over: ${JSON.stringify(left)}`);
    problems.push(...load.problems.slice(0, 5));
    const judgement = await judge.judge(scenario.name, load.books());
    load.close();
    for (const { what, count, examples } of judgement.findings)
      problems.push(`${what}: ${count}\n    ${examples.join('\n    ')}`);
    note(`answers ${JSON.stringify(Object.fromEntries(load.statuses))}`);
    // Retried, so nobody noticed; who waited for whom is worth knowing all the same.
    for (const [deadlock] of postgresLog()
      .slice(logged)
      .matchAll(/deadlock detected[\s\S]{0,1500}/g))
      note(deadlock);
    for (const problem of problems) note(`RED ${problem}`);
    const { findings: __, ...counts } = judgement;
    return {
      ...{ scenario: scenario.name, seed, events: counts.events, kills: rig.kills - kills },
      ...{ lost: counts.lost, double: counts.double, unexpected: counts.unexpected },
      ...{ recovered: counts.recovered, aggregates_differ: counts.aggregates_differ },
      seconds: Math.round(elapsed() / 100) / 10,
      passed: problems.length === 0,
    };
  };

  return {
    rig,
    play,
    /** Whether it can be played here. */
    can: (scenario: Scenario) => power !== undefined || !scenario.powered,
    async stop(): Promise<void> {
      await judge.close();
      await rig.stop();
      await power?.close();
    },
  };
};
