import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { told } from '../../test/support/told.ts';
import { createProductNumbers } from './product-numbers.ts';
import { listUserSignals, type UserSignals } from './signals.ts';

const types = ['view', 'rate', 'click', 'purchase'];

test('what the reader adds up is what PostgreSQL adds up, for every kind of deed', async () => {
  const { db } = await setup();
  const products = await insertProducts(db, 7);
  const users = Array.from({ length: 4 }, () => uuidv7());
  await db`insert into users (user_id, is_anonymous, is_active) select id, false, true from unnest(${users}::uuid[]) as id`;
  const [, , merged = '', empty = ''] = users;
  await db`
    insert into interactions (user_id, product_id, event_type, event_value, created_at)
    select u, p, t, case when n % 3 > 0 then (n * 37 % 600)::numeric / 100 - 0.5 end,
      timestamptz '2026-03-01 00:00Z' + (n * 7919 % 5000) * interval '1.000001 s'
    from unnest(${users.slice(0, 2)}::uuid[]) with ordinality as a(u, x)
    cross join unnest(${products}::uuid[]) with ordinality as b(p, y)
    cross join unnest(${[...types, 'search']}::varchar[]) with ordinality as c(t, z)
    cross join lateral generate_series((x * 100 + y * 10 + z)::integer, (x * 100 + y * 10 + z * 3)::integer) as n`;
  // Two ratings of one moment: the higher counts. And one without a product.
  await db`insert into interactions (user_id, product_id, event_type, event_value, created_at) values
    (${users[0]}, ${products[0]}, 'rate', 2, '2026-04-01'), (${users[0]}, ${products[0]}, 'rate', 4, '2026-04-01'),
    (${users[0]}, null, 'view', null, '2026-04-02'), (${users[1]}, ${products[1]}, 'rate', null, '2026-04-02')`;
  await db`
    insert into purchase_history (user_id, product_id, unit_price, total_price, purchased_at, payment_status)
    select u, p, 1, 1, timestamptz '2026-03-05 00:00Z' + y * interval '1 hour', s
    from unnest(${users.slice(0, 2)}::uuid[]) as u
    cross join unnest(${products}::uuid[]) with ordinality as b(p, y)
    cross join unnest(${['completed', 'pending', 'refunded', 'failed', 'completed']}::varchar[]) as s`;
  await db`insert into reviews (user_id, product_id, rating)
    select ${users[0]}, p, 1 + y % 5 from unnest(${products}::uuid[]) with ordinality as b(p, y)`;
  await db`insert into user_cart (user_id, product_id) values (${users[1]}, ${products[2]})`;
  await db`insert into user_wishlist (user_id, product_id) values (${users[1]}, ${products[3]})`;
  await db`insert into user_aliases (old_user_id, user_id) values (${merged}, ${users[1]})`;

  const asked = [users[0] ?? '', merged, empty];
  const added = await listUserSignals(db, asked, { types, newest: 5_000 });
  // Everybody who did anything at all did more than so many, which is enough for all they did.
  const newest = 60;
  const [{ plain } = { plain: 0 }] = await db<{ plain: number }>`
    select min(events)::integer as plain from (
      select count(*) as events from interactions
      where event_type in ('view', 'click', 'purchase') and product_id is not null group by user_id) by_user`;
  expect(plain).toBeGreaterThan(newest);
  const counted = await listUserSignals(db, asked, { types, newest });
  const sorted = (signals: UserSignals[]) =>
    signals.map(told).sort((one, other) => one.person.localeCompare(other.person));
  expect(sorted(added)).toEqual(sorted(counted));
  expect(
    sorted(added)
      .map(({ deeds }) => deeds.length)
      .sort(),
  ).toEqual([0, 51, 56]);
  expect(added.find(({ person }) => person === users[1])?.merged).toEqual([merged]);
});

test('a product is found by its id among as many as there are', () => {
  const numbers = createProductNumbers();
  const idOf = (nth: number) =>
    `${nth.toString(16).padStart(8, '0')}-0000-7000-8000-${(nth * 7).toString(16).padStart(12, '0')}`;
  for (let nth = 1; nth <= 5_000; nth += 1) numbers.add(idOf(nth), nth);
  numbers.add(idOf(5), 5);
  const at = (id: string) => {
    const octets = Buffer.from(`ff${id.replaceAll('-', '')}`, 'hex');
    return numbers.at(new DataView(octets.buffer, octets.byteOffset, octets.byteLength), 1);
  };
  for (let nth = 1; nth <= 5_000; nth += 1) expect(at(idOf(nth))).toBe(nth);
  expect(at(idOf(5_001))).toBe(0);
});
