import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { performJob } from '../../test/support/perform-job.ts';
import { setup } from '../../test/support/setup.ts';
import { countInteractions, insertProducts, interaction } from '../../test/support/shop.ts';
import { handleRecordInteractions } from '../../workers/record-interactions.ts';

test('an event that ended its worker twice when tried alone is parked with an audit row, its neighbours apply', async () => {
  const { db, parts, producer, prefix } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const events = Array.from({ length: 5 }, () => interaction({ product_id }));
  const [killer, unlucky] = events.map(({ event_id }) => event_id);
  const jobId = uuidv7();
  // What workers that are gone left: one event ended two of them, another one was being tried when one was killed.
  const key = `{${prefix}:intake}:trial:${jobId}`;
  await producer.redis.hset(key, { [`${killer}/a`]: 1, [`${killer}/b`]: 1, [`${unlucky}/c`]: 1 });

  await performJob(recordInteractions, handleRecordInteractions, { events }, parts, { jobId, starts: 5 });

  expect(await countInteractions(db)).toBe(4);
  expect(await db`select event_id, state, reason from parked_events`).toEqual([
    { event_id: killer, state: 'failed', reason: 'ended_its_worker' },
  ]);
  expect(
    await db`select payload ->> 'event_id' as id from system_audit where message = 'event parked'`,
  ).toEqual([{ id: killer }]);
  expect(await producer.redis.exists(key)).toBe(0);
});

test('an event that did take effect before it ended its worker is not parked', async () => {
  const { db, parts, producer, prefix } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const event = interaction({ product_id });
  const jobId = uuidv7();
  await performJob(recordInteractions, handleRecordInteractions, { events: [event] }, parts);
  const key = `{${prefix}:intake}:trial:${jobId}`;
  await producer.redis.hset(key, { [`${event.event_id}/a`]: 1, [`${event.event_id}/b`]: 1 });
  await performJob(recordInteractions, handleRecordInteractions, { events: [event] }, parts, {
    jobId,
    starts: 5,
  });
  expect(await countInteractions(db)).toBe(1);
  expect(await db`select event_id from parked_events`).toEqual([]);
});
