import { expect, inject, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { layWire } from '../../test/support/wire.ts';
import { createLog } from '../log.ts';
import { connectForRequests, ready } from './redis.ts';

test('a connection that has fallen silent is made anew, whoever uses it', async () => {
  const wire = await layWire(inject('redisCacheUrl'));
  const redis = connectForRequests(wire.url, createLog('test', 'silent'), 300);
  onTestFinished(() => redis.disconnect());
  await ready(redis, 5_000);
  wire.silence();
  await expect(redis.ping()).rejects.toThrow();
  expect(await eventually(() => redis.ping(), 5_000)).toBe('PONG');
});
