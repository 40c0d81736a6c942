import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { OutageError } from '../errors.ts';
import { createIntake } from './intake.ts';
import type { Producer } from './producer.ts';

const open = { refusal: () => undefined, close: () => {} };
const options = { lingerMs: 5, batchEvents: 500, bufferEvents: 20_000 };

const queued = async ({ producer }: Awaited<ReturnType<typeof setup>>) =>
  ((await producer.queues.get('interactions')?.getWaiting()) ?? []).map(
    (job) => (job.data as { columns: { count: number } }).columns.count,
  );

test('events of many requests share a job', async () => {
  const system = await setup();
  const intake = createIntake({ ...system, gate: open }, options);
  await Promise.all(Array.from({ length: 300 }, () => intake.take(recordInteractions, [interaction()])));
  const jobs = await queued(system);
  expect(jobs.reduce((sum, events) => sum + events, 0)).toBe(300);
  expect(jobs.length).toBeLessThan(10);
});

test('the events of one call are never split', async () => {
  const system = await setup();
  const intake = createIntake({ ...system, gate: open }, options);
  const array = (length: number) => Array.from({ length }, () => interaction());
  await Promise.all([400, 400, 1_000, 1].map((length) => intake.take(recordInteractions, array(length))));
  expect((await queued(system)).sort((a, b) => a - b)).toEqual([1, 400, 400, 1_000]);
});

test('answers only what Redis holds: a full queue, a full buffer and a closed gate refuse', async () => {
  const system = await setup();
  const shut = createIntake({ ...system, gate: { ...open, refusal: () => 'full' } }, options);
  await expect(shut.take(recordInteractions, [interaction()])).rejects.toThrow(OutageError);

  const small = createIntake({ ...system, gate: open }, { ...options, bufferEvents: 2 });
  const results = await Promise.allSettled(
    Array.from({ length: 4 }, () => small.take(recordInteractions, [interaction()])),
  );
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  expect(await queued(system)).toEqual([2]);
});

test('one alone is sent at once; what comes while it is on its way goes together when it has arrived', async () => {
  const system = await setup();
  const intake = createIntake({ ...system, gate: open }, { ...options, lingerMs: 60_000 });
  const take = () => intake.take(recordInteractions, [interaction()]);
  const first = take();
  await turn();
  await Promise.all([first, take(), take(), take()]);
  expect((await queued(system)).sort()).toEqual([1, 3]);
  await take();
  expect(await queued(system)).toHaveLength(3);
});

test('a batch does not wait longer than it may for the one before it', async () => {
  const system = await setup();
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const producer: Producer = {
    ...system.producer,
    async enqueue(...job) {
      await arrived;
      return system.producer.enqueue(...job);
    },
  };
  const sizes: number[] = [];
  const account = {
    ...system.account,
    open: async (jobId: string, events: number) => {
      sizes.push(events);
      return system.account.open(jobId, events);
    },
  };
  const intake = createIntake({ ...system, producer, account, gate: open }, options);
  const taken = [intake.take(recordInteractions, [interaction()])];
  await turn();
  taken.push(intake.take(recordInteractions, [interaction(), interaction()]));
  await eventually(() => expect(sizes).toEqual([1, 2]));
  arrive();
  await Promise.all(taken);
});

test('close sends what is still open', async () => {
  const system = await setup();
  const intake = createIntake({ ...system, gate: open }, { ...options, lingerMs: 60_000 });
  const taken = [intake.take(recordInteractions, [interaction()])];
  await turn();
  taken.push(intake.take(recordInteractions, [interaction()]));
  await intake.close();
  await Promise.all(taken);
  expect(await queued(system)).toEqual([1, 1]);
});

test('the books balance when everything is applied', async () => {
  const system = await setup();
  const intake = createIntake({ ...system, gate: open }, options);
  await intake.take(recordInteractions, [interaction(), interaction()]);
  expect(await system.account.totals()).toMatchObject({ accepted: 2, settled: 0 });
  const [job] = (await system.producer.queues.get('interactions')?.getWaiting()) ?? [];
  await system.account.settle(job?.id as string);
  await system.account.settle(job?.id as string);
  expect(await system.account.totals()).toMatchObject({ accepted: 2, settled: 2 });
});
