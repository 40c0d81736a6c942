import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { createApiKey, rotateApiKey } from '../db/api-keys.ts';
import { createLog } from '../log.ts';
import { connectForRequests } from '../queue/redis.ts';
import { createKeyLimits } from './key-limits.ts';
import { startApi } from './server.ts';

/** Two API processes, as far as they can tell, on the same servers. */
const startTwo = async () => {
  const system = await setup();
  const first = await system.startApi();
  const second = await startApi(system.parts);
  onTestFinished(() => second.close());
  const ask = async (key: string, turn = 0) => {
    const answer = await fetch(`${turn % 2 ? second.url : first.url}/v1/events/${uuidv7()}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await answer.arrayBuffer();
    return answer;
  };
  return { ...system, keys: first.keys, ask };
};

test('a key ends when its time is over, a rotated one after its grace; what replaces it opens the same', async () => {
  const { db, ask } = await startTwo();
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const brief = await createApiKey(db, { app: 'brief', scopes: ['read'], expiresAt: at(4_000) });
  const over = await createApiKey(db, { app: 'over', scopes: ['read'], expiresAt: at(-1) });
  const old = await createApiKey(db, { app: 'old', scopes: ['read'], rate: 1_000 });
  expect(await rotateApiKey(db, over.key_id, 60)).toBeUndefined();
  const replaced = await rotateApiKey(db, old.key_id, 4);
  expect((await ask(over.key)).status).toBe(401);
  for (const { key } of [brief, old, replaced as { key: string }])
    await eventually(async () => expect((await ask(key)).status).toBe(200), 2_500);
  for (const { key } of [brief, old]) await eventually(async () => expect((await ask(key)).status).toBe(401));
  expect((await ask(replaced?.key ?? '')).status).toBe(200);
});

test('all processes together hold a key to its rate; others feel nothing of it', async () => {
  const { db, ask, keys } = await startTwo();
  const rate = 40;
  const { key } = await createApiKey(db, { app: 'noisy', scopes: ['read'], rate });
  await eventually(async () => expect((await ask(key)).status).not.toBe(401));
  const began = performance.now();
  const seen = { 200: 0, 429: 0 } as Record<number, number>;
  const others: number[] = [];
  const noisy = async (turn: number) => {
    while (performance.now() - began < 3_000) {
      const { status, headers } = await ask(key, turn);
      seen[status] = (seen[status] ?? 0) + 1;
      if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
  };
  const quiet = async () => {
    while (performance.now() - began < 3_000) others.push((await ask(keys.read, others.length)).status);
  };
  await Promise.all([noisy(0), noisy(1), noisy(2), noisy(3), quiet()]);
  const seconds = (performance.now() - began) / 1_000;
  expect(Object.keys(seen)).toEqual(['200', '429']);
  // A second's worth at once, then the rate, and at most one unused share of a tenth in each process.
  expect(seen[200]).toBeLessThanOrEqual(rate * (1 + seconds) + 2 * (rate / 10) + 1);
  expect(seen[200]).toBeGreaterThanOrEqual(rate * 2);
  expect(new Set(others)).toEqual(new Set([200]));
});

test('while Redis is away each process holds a key to its rate by itself, and soon together again', async () => {
  const { prefix, config } = await setup();
  const redis = connectForRequests(config.REDIS_CACHE_URL, createLog('test', 'silent'), 500);
  onTestFinished(() => redis.disconnect());
  await eventually(() => expect(redis.status).toBe('ready'));
  const limits = createKeyLimits({
    redis,
    prefix,
    log: createLog('test', 'silent'),
  });
  const burst = async (id: string, count: number) => {
    const waits = await Promise.all(Array.from({ length: count }, () => limits.spend(id, 50)));
    return waits.filter((wait) => wait === undefined).length;
  };
  expect(await burst('a', 200)).toBe(50);
  redis.disconnect();
  // What the bucket would give is not known: a tenth of a second's worth at a time.
  await delay(150);
  expect(await burst('b', 200)).toBe(5);
  expect(await burst('b', 200)).toBe(0);
  await eventually(async () => expect(await burst('b', 200)).toBe(5), 1_000);
  await redis.connect();
  await eventually(async () => expect(await burst(uuidv7(), 200)).toBe(50), 5_000);
});
