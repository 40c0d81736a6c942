import { once } from 'node:events';
import { Worker } from 'bullmq';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { toColumns } from './event-columns.ts';
import { forgetInQueues } from './forget.ts';
import { queuePrefix } from './queues.ts';
import { pepperOf } from './secrets.ts';

test('a failed job of columns keeps the events of others, whole, and is gone where there are none', async () => {
  const { db, parts, producer, config } = await setup();
  const erased = uuidv7();
  await db`insert into erased_ids (id_hash) values (sha256(${pepperOf(config)} || uuid_send(${erased}::uuid)))`;
  const theirs = interaction({ user_id: erased, device: { type: 'phone' } });
  const others = interaction({ platform: 'a "b", {c}', device: { os: ['x'] } });
  const queue = producer.queues.get('interactions');
  const jobs = [[theirs, others], [theirs], [others]].map((events) => ({
    columns: toColumns(recordInteractions, events),
  }));
  for (const data of jobs) await queue?.add(recordInteractions.name, data);
  const failing = new Worker(
    'interactions',
    () => {
      throw new Error('not today');
    },
    { connection: producer.redis.duplicate(), prefix: queuePrefix(config.REDIS_PREFIX, 'interactions') },
  );
  onTestFinished(() => failing.close());
  for (const _ of jobs) await once(failing, 'failed');

  await forgetInQueues(parts);

  const left = (await queue?.getFailed())?.map(({ data }) => data) ?? [];
  expect(left).toHaveLength(2);
  expect(left).toContainEqual({ events: [others] });
  expect(left).toContainEqual(JSON.parse(JSON.stringify(jobs[2])));
});
