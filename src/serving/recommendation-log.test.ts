import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { type System, setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { createRecommendationLog } from './recommendation-log.ts';

const dropped = async ({ metrics }: System): Promise<Record<string, number>> => {
  const { values } = await metrics.unloggedAnswers.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.why), value]));
};

const answer = (fields: { userId?: string; products?: string[] } = {}) => ({
  userId: uuidv7(),
  products: [],
  context: { request_id: uuidv7(), query: null },
  ...fields,
});

test('answers reach the table with what they were made from, those of unknown users without a name', async () => {
  const system = await setup();
  system.startWorkers();
  const products = await insertProducts(system.db, 3);
  const [known, unknown, sessionId] = [uuidv7(), uuidv7(), uuidv7()];
  await system.db`select stub_users(${[known]}::uuid[])`;
  const log = createRecommendationLog(system);
  const context = {
    request_id: uuidv7(),
    query: 'red shoes',
    type: 'hybrid',
    alpha: 0.6,
    k: 3,
    model_version: 4,
  };
  const before = Date.now();
  log.add({ userId: known, sessionId, products, context });
  log.add({ userId: unknown, sessionId, products: [], context });
  await log.close();
  const rows = await eventually(async () => {
    const found = await system.db`select * from recommendation_logs order by rec_id`;
    expect(found).toHaveLength(2);
    return found;
  });
  const { rec_id: _, returned_at, ...first } = rows[0] as Record<string, unknown>;
  expect(first).toEqual({
    user_id: known,
    session_id: sessionId,
    request_context: context,
    candidate_products: products,
  });
  expect(Math.abs(Date.parse(String(returned_at)) - before)).toBeLessThan(5_000);
  expect(rows[1]).toMatchObject({ user_id: null, session_id: null, candidate_products: [] });
  const everywhere =
    await system.db`select 1 from recommendation_logs l where l::text like ${`%${unknown}%`}`;
  expect(everywhere).toEqual([]);
});

test('a hundred answers make one job, and none waits long', async () => {
  const system = await setup();
  const log = createRecommendationLog(system);
  const queue = system.producer.queues.get('audit');
  for (let n = 0; n < 1_200; n += 1) log.add(answer());
  await eventually(async () => expect(await queue?.getWaitingCount()).toBe(12), 2_000);
  system.startWorkers();
  await eventually(async () =>
    expect(await system.db`select count(*)::integer as rows from recommendation_logs`).toEqual([
      { rows: 1_200 },
    ]),
  );
  await log.close();
  expect(await dropped(system)).toEqual({});
});

test('with the queue away answers are dropped and counted, memory does not grow, and nobody waits', async () => {
  const system = await setup();
  const log = createRecommendationLog(system);
  system.producer.redis.disconnect();
  for (let n = 0; n < 25_000; n += 1) log.add(answer());
  await log.close();
  const counts = await dropped(system);
  expect(counts['too many']).toBe(15_000);
  expect(counts['queue away']).toBe(10_000);
  // And it goes on once the queue is back.
  const { redis } = system.producer;
  await eventually(async () => {
    if (redis.status === 'end') await redis.connect();
    log.add(answer());
    await log.close();
    expect(await system.producer.queues.get('audit')?.getWaitingCount()).toBeGreaterThan(0);
  });
});

test('an answer that cannot be read spoils no other, and a batch that comes twice is written once', async () => {
  const system = await setup();
  system.startWorkers();
  const queue = system.producer.queues.get('audit');
  const good = { user_id: uuidv7(), products: [], returned_at: new Date().toISOString(), context: {} };
  const job = { batch: uuidv7(), answers: [good, { ...good, products: ['no id'] }, 7, good] };
  await queue?.add('log-recommendations', job);
  await queue?.add('log-recommendations', job);
  await eventually(async () => expect(await dropped(system)).toEqual({ unreadable: 4 }));
  await eventually(async () =>
    expect(await system.db`select count(*)::integer as rows from recommendation_logs`).toEqual([{ rows: 2 }]),
  );
  expect(await queue?.getFailedCount()).toBe(0);
});
