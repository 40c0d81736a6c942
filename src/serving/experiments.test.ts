import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { type System, setup } from '../../test/support/setup.ts';
import { putExperiment } from '../db/experiments.ts';
import { connectForRequests, ready } from '../queue/redis.ts';
import { startExperiments } from './experiments.ts';

const start = async (system: System, redis = system.producer.redis) => {
  const experiments = await startExperiments({ ...system, redis });
  onTestFinished(() => experiments.close());
  return experiments;
};

const put = async (system: System, active: boolean, weights = [1, 1]) => {
  const cohorts = weights.map((weight, at) => ({ name: `c${at}`, weight }));
  const stored = await putExperiment(system.db, { testName: 't', cohorts, active });
  return stored?.version ?? Number.NaN;
};

test('once a change is everywhere, no process answers by what was before', async () => {
  const system = await setup();
  const user = uuidv7();
  const processes = await Promise.all([1, 2, 3].map(() => start(system)));
  const [first] = processes;
  const known = () => processes.map((one) => one.cohortOf('t', user) !== undefined);
  for (let round = 0; round < 10; round += 1) {
    const active = round % 2 === 0;
    expect(await first?.everywhere(await put(system, active), 5_000)).toBe(true);
    expect(known()).toEqual([active, active, active]);
  }
});

test('a process that starts later has it at once, and all agree on the cohort', async () => {
  const system = await setup();
  const first = await start(system);
  await first.everywhere(await put(system, true), 5_000);
  const second = await start(system);
  const users = Array.from({ length: 100 }, () => uuidv7());
  const cohorts = users.map((user) => second.cohortOf('t', user)?.cohort.name);
  expect(new Set(cohorts)).toEqual(new Set(['c0', 'c1']));
  expect(users.map((user) => first.cohortOf('t', user)?.cohort.name)).toEqual(cohorts);
  expect(first.cohortOf('another', users[0] as string)).toBeUndefined();
});

test('a process that went silent is not waited for longer than its lease, and knows no cohort until it is heard again', {
  timeout: 30_000,
}, async () => {
  const system = await setup();
  const user = uuidv7();
  const own = connectForRequests(system.config.REDIS_QUEUE_URL, system.log, 500);
  await ready(own, 5_000);
  onTestFinished(() => own.disconnect());
  const first = await start(system);
  const cut = await start(system, own);
  await first.everywhere(await put(system, true), 5_000);
  expect(cut.cohortOf('t', user)).toBeDefined();

  own.disconnect();
  // Between its last word and the end of its lease it may still answer, so nobody may say that the change is everywhere.
  let told = false;
  const change = put(system, false).then(async (version) => {
    told = await first.everywhere(version, 10_000);
  });
  while (cut.cohortOf('t', user) !== undefined) {
    expect(told).toBe(false);
    await delay(5);
  }
  await change;
  expect(told).toBe(true);
  expect(cut.cohortOf('t', user)).toBeUndefined();

  await first.everywhere(await put(system, true), 5_000);
  await own.connect();
  await eventually(() => expect(cut.cohortOf('t', user)).toBeDefined());
});

test('a process that cannot read the change is waited for, in vain if need be', {
  timeout: 30_000,
}, async () => {
  const system = await setup();
  const first = await start(system);
  let away = false;
  const db = Object.assign(
    (async (...statement: Parameters<typeof system.db>) => {
      if (away) throw new Error('away');
      return system.db(...statement);
    }) as typeof system.db,
    { fragment: system.db.fragment, end: async () => {} },
  );
  const blind = await startExperiments({ ...system, db, redis: system.producer.redis });
  onTestFinished(() => blind.close());
  away = true;
  const version = await put(system, true);
  expect(await first.everywhere(version, 1_500)).toBe(false);
  away = false;
  expect(await first.everywhere(version, 5_000)).toBe(true);
  expect(blind.cohortOf('t', uuidv7())).toBeDefined();
});

test('what nobody announced is found all the same', { timeout: 30_000 }, async () => {
  const system = await setup();
  const experiments = await start(system);
  await put(system, true);
  await eventually(() => expect(experiments.cohortOf('t', uuidv7())).toBeDefined(), 15_000);
});
