import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { refreshProductPopularity } from '../db/popularity.ts';
import { untilCounted } from './start-shop.ts';

test('a shop whose popularity is to be counted is waited for until it is', async () => {
  const { db, config } = await setup();
  const leaving = AbortSignal.abort();
  await untilCounted(db, leaving);

  const [key = ''] = await insertProducts(db, 1);
  const user = randomUUID();
  await db`insert into users (user_id, is_anonymous, is_active) values (${user}, true, true)`;
  await db`insert into interactions (user_id, product_id, event_type) values (${user}, ${key}, 'view')`;
  await db`insert into dirty_keys (kind, key) values ('popularity', ${key})`;
  await expect(untilCounted(db, leaving)).rejects.toThrow(/abort/);

  const counted = untilCounted(db, new AbortController().signal);
  await refreshProductPopularity(db, [{ key, other: null }], config.EVENT_WEIGHTS);
  await counted;
});
