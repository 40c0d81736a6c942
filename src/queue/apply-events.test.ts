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
