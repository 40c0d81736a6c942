import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../../test/support/eventually.ts';
import { startOwnRedis } from '../../test/support/own-redis.ts';
import { setup } from '../../test/support/setup.ts';
import { OutageError, RetryableError, UnrecoverableError } from '../errors.ts';
import { defineJob } from './define-job.ts';
import type { Handlers } from './handler.ts';

/** Its payload says what becomes of it. */
const scripted = defineJob({
  name: 'scripted',
  queue: 'upkeep',
  payload: z.object({ outcomes: z.array(z.enum(['ok', 'retry', 'refuse', 'outage', 'hang'])) }),
  options: { attempts: 3, backoff: { type: 'capped', delay: 20 } },
});

const script = () => {
  const runs: { attempt: number; outcome: string }[] = [];
  const handlers: Handlers<{ scripted: typeof scripted }> = {
    scripted: async ({ outcomes }, _context, { attempt, signal }) => {
      const outcome = outcomes[runs.length] ?? 'ok';
      runs.push({ attempt, outcome });
      if (outcome === 'retry') throw new RetryableError('scripted');
      if (outcome === 'refuse') throw new UnrecoverableError('scripted');
      if (outcome === 'outage') throw new OutageError('scripted');
      if (outcome === 'hang') await delay(60_000, undefined, { signal });
    },
  };
  return { runs, served: { jobs: { scripted }, handlers } };
};

const counts = async (system: Awaited<ReturnType<typeof setup>>) =>
  system.producer.queues.get('upkeep')?.getJobCounts('waiting', 'active', 'delayed', 'failed', 'completed');
const empty = { waiting: 0, active: 0, delayed: 0, failed: 0, completed: 0 };

test('a job that is done leaves nothing behind', async () => {
  const system = await setup();
  const { runs, served } = script();
  system.startWorkers(served);
  await system.producer.enqueue(scripted, { outcomes: ['ok'] });
  await eventually(() => expect(runs).toEqual([{ attempt: 1, outcome: 'ok' }]));
  await eventually(async () => expect(await counts(system)).toEqual(empty));
});

test('a job that throws is tried again, at most as often as it says, and then kept', async () => {
  const system = await setup();
  const { runs, served } = script();
  system.startWorkers(served);
  await system.producer.enqueue(scripted, { outcomes: ['retry', 'retry', 'retry', 'ok'] });
  await eventually(async () => expect(await counts(system)).toEqual({ ...empty, failed: 1 }));
  expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
});

test('a job that refuses is not tried again', async () => {
  const system = await setup();
  const { runs, served } = script();
  system.startWorkers(served);
  await system.producer.enqueue(scripted, { outcomes: ['refuse'] });
  await eventually(async () => expect(await counts(system)).toEqual({ ...empty, failed: 1 }));
  expect(runs).toHaveLength(1);
});

test('an outage uses up no attempt, however long it lasts', async () => {
  const system = await setup();
  const { runs, served } = script();
  system.startWorkers(served);
  await system.producer.enqueue(scripted, { outcomes: [...Array(6).fill('outage'), 'retry', 'ok'] });
  await eventually(async () => {
    expect(runs).toHaveLength(8);
    expect(await counts(system)).toEqual(empty);
  }, 30_000);
  expect(runs.at(-1)).toEqual({ attempt: 2, outcome: 'ok' });
});

test('closing during an outage puts the job back unharmed', async () => {
  const system = await setup();
  const first = script();
  const { close } = system.startWorkers(first.served);
  await system.producer.enqueue(scripted, { outcomes: Array(1_000).fill('outage') });
  await eventually(() => expect(first.runs.length).toBeGreaterThan(1));
  await close(2_500);
  expect(await counts(system)).toEqual({ ...empty, waiting: 1 });

  const runs: number[] = [];
  system.startWorkers({
    jobs: { scripted },
    handlers: { scripted: async (_payload, _context, { attempt }) => void runs.push(attempt) },
  });
  await eventually(() => expect(runs).toEqual([1]));
});

test('a stored payload that does not fit the job fails it at once and says why', async () => {
  const system = await setup();
  system.startWorkers(script().served);
  const queue = system.producer.queues.get('upkeep');
  await queue?.add('scripted', { outcomes: 'all' });
  const [failed] = await eventually(async () => {
    const jobs = (await queue?.getFailed()) ?? [];
    expect(jobs).toHaveLength(1);
    return jobs;
  });
  expect(failed?.failedReason).toContain('outcomes');
});

test('a job nobody here knows waits for a worker that does', async () => {
  const system = await setup();
  system.startWorkers(script().served);
  const queue = system.producer.queues.get('upkeep');
  await queue?.add('from-the-future', {}, { attempts: 100, backoff: 50 });
  await eventually(async () => expect((await queue?.getDelayed())?.length).toBe(1));
  expect(await queue?.getFailedCount()).toBe(0);
});

test('closing while Redis is away does not wait for its return, and loses no job', async () => {
  const redis = await startOwnRedis();
  const system = await setup({ REDIS_QUEUE_URL: redis.url });
  const first = script();
  const { close } = system.startWorkers(first.served);
  await system.producer.enqueue(scripted, { outcomes: ['hang'] });
  await eventually(() => expect(first.runs).toHaveLength(1));
  await redis.kill();
  const began = performance.now();
  await close(8_000);
  expect(performance.now() - began).toBeLessThan(4_000);

  await redis.restart();
  const second = script();
  system.startWorkers(second.served);
  await eventually(() => expect(second.runs).toEqual([{ attempt: 1, outcome: 'hang' }]), 30_000);
});
