import { expect, onTestFinished, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { sweep } from '../../jobs/sweep.ts';
import { eventually } from '../../test/support/eventually.ts';
import { startOwnRedis } from '../../test/support/own-redis.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { layWire } from '../../test/support/wire.ts';
import { OutageError } from '../errors.ts';
import { createLog } from '../log.ts';
import { createProducer } from './producer.ts';
import { connectForRequests, ready } from './redis.ts';

const log = createLog('test', 'silent');

const produce = async (url: string, timeoutMs: number) => {
  const redis = connectForRequests(url, log, timeoutMs);
  await ready(redis, 5_000);
  return { redis, create: () => createProducer(redis, { prefix: 'test', timeoutMs }) };
};

const event = () => ({ events: [interaction()] });

test('a Redis that does not answer while the queues are made is forgiven', async () => {
  const { url } = await startOwnRedis();
  const { redis, create } = await produce(url, 300);
  await redis.client('PAUSE', 900, 'ALL');
  const producer = create();
  onTestFinished(() => producer.close());
  await expect(producer.enqueue(recordInteractions, event())).rejects.toThrow(OutageError);
  await eventually(() => producer.enqueue(recordInteractions, event()));
});

test('a silent connection: refused within the deadline, then at once, and taken again on a new connection', async () => {
  const wire = await layWire((await startOwnRedis()).url);
  const { redis, create } = await produce(wire.url, 300);
  const producer = create();
  onTestFinished(() => producer.close());
  await producer.enqueue(recordInteractions, event());
  wire.silence();
  const began = performance.now();
  await expect(producer.enqueue(recordInteractions, event())).rejects.toThrow(OutageError);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(() => producer.assertReachable()).toThrow(OutageError);
  await eventually(() => producer.enqueue(recordInteractions, event()), 8_000);
  expect(redis.status).toBe('ready');
});

test('a job that is dropped while an earlier one of its name is unfinished is taken once that has ended', async () => {
  const { producer, startWorkers } = await setup();
  const queue = producer.queues.get('upkeep');
  const enqueue = (jobId: string) =>
    producer.enqueue(sweep, {}, { jobId, keepSeconds: 60, unlessUnfinished: true });
  await enqueue('first');
  await enqueue('second');
  expect((await queue?.getWaiting())?.map(({ id }) => id)).toEqual(['first']);
  // Failed or done, it no longer stands in the way, and leaves nothing behind.
  const outcomes = [() => Promise.reject(new Error('scripted')), () => Promise.resolve()];
  const runs: string[] = [];
  startWorkers({
    jobs: { sweep },
    handlers: {
      sweep: async (_payload, _context, { jobId }) => {
        runs.push(jobId);
        await outcomes.shift()?.();
      },
    },
  });
  await eventually(() => expect(runs).toEqual(['first']));
  await eventually(async () => {
    await enqueue('third');
    expect(runs).toEqual(['first', 'third']);
  });
  await eventually(async () => {
    await enqueue('fourth');
    expect(runs).toEqual(['first', 'third', 'fourth']);
  });
  expect(await queue?.getFailedCount()).toBe(0);
});
