import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { performJob } from '../../test/support/perform-job.ts';
import { setup } from '../../test/support/setup.ts';
import { countInteractions, insertProducts, interaction } from '../../test/support/shop.ts';
import { handleRecordInteractions } from '../../workers/record-interactions.ts';

test('a batch that takes PostgreSQL longer than a statement may take goes in by halves', async () => {
  // PostgreSQL gives up a statement after half a second then.
  const { db, parts } = await setup({ DATABASE_QUERY_TIMEOUT_MS: '1500' });
  await db`create function dawdle() returns trigger language plpgsql as $$
    begin perform pg_sleep(0.03); return new; end $$`;
  await db`create trigger dawdle before insert on interactions for each row execute function dawdle()`;
  const [product_id] = await insertProducts(db, 1);
  const events = Array.from({ length: 40 }, () => interaction({ product_id }));
  await performJob(recordInteractions, handleRecordInteractions, { events }, parts);
  expect(await countInteractions(db)).toBe(40);
  expect(await db`select 1 from parked_events`).toEqual([]);
});

test('what an event waits for may come while the event is being set aside: it goes at once', async () => {
  const { db, parts, producer } = await setup();
  // The narrowest case: between the look for the product and the moment in which others see the event wait.
  await db`create function come() returns trigger language plpgsql as $$
    begin
      insert into products (product_id, name, price)
      values (split_part(new.waits_for, ':', 2)::uuid, 'It has come', 1);
      return new;
    end $$`;
  await db`create trigger come before insert on parked_events for each row execute function come()`;
  const event = interaction({ product_id: uuidv7() });
  await performJob(recordInteractions, handleRecordInteractions, { events: [event] }, parts);
  const [again, ...others] = (await producer.queues.get('interactions')?.getJobs('waiting')) ?? [];
  expect(again?.data).toEqual({ parked: [event.event_id] });
  expect(others).toEqual([]);
  await performJob(recordInteractions, handleRecordInteractions, again?.data, parts);
  expect(await countInteractions(db)).toBe(1);
  expect(await db`select 1 from parked_events`).toEqual([]);
});
