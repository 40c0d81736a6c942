import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { seeded } from './support/random-shop.ts';
import { setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';

const system = async () => {
  const made = await setup({ DATABASE_POOL_SIZE: '12' });
  const { url, keys } = await made.startApi();
  for (let n = 0; n < 3; n += 1) made.startWorkers();
  return { ...made, made, clients: Array.from({ length: 16 }, () => createClient(url, keys.admin)) };
};

test('of edits by sixteen clients at once the newest wins, a hundred times', {
  timeout: 240_000,
}, async () => {
  const { made, db, clients } = await system();
  const random = seeded(3);
  const product = uuidv7();
  const path = `/v1/products/${product}`;
  const born = '2025-12-31T00:00:00Z';
  await clients[0]?.put(path, { name: 'at first', brand: 'none', occurred_at: born });
  const won = { name: '', brand: '', price: '' };
  const newest: Record<string, string> = {};
  for (let round = 0; round < 100; round += 1) {
    // A round is newer than the one before, its edits come in any order; some share their time.
    const edits = clients.map((client, i) => {
      const event_id = random.uuid();
      const second = String(random.below(12)).padStart(2, '0');
      const minute = new Date(Date.UTC(2026, 0, 1, 0, round)).toISOString().slice(0, 16);
      const fields: Record<string, string> = {
        ...(random.chance(0.7) && { name: `${round}/${i}` }),
        ...(random.chance(0.5) && { brand: `brand ${round}/${i}` }),
        price: `${round}.${String(i).padStart(2, '0')}`,
      };
      const occurred_at = `${minute}:${second}Z`;
      return {
        client,
        clock: `${occurred_at} ${event_id}`,
        fields,
        body: { ...fields, event_id, occurred_at },
      };
    });
    for (const { clock, fields } of edits) {
      for (const [field, value] of Object.entries(fields)) {
        if (clock <= (newest[field] ?? '')) continue;
        newest[field] = clock;
        won[field as keyof typeof won] = value;
      }
    }
    const answers = await Promise.all(edits.map(({ client, body }) => client.patch(path, body)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    await eventually(async () => expect(await db`select name, brand, price from products`).toEqual([won]));
  }
  await drain(made);
  const [row] = await db`select name, brand, price, created_at from products`;
  expect(row).toEqual({ ...won, created_at: born });
  expect(await db`select count(*)::integer as applied from processed_events`).toEqual([{ applied: 1_601 }]);
});

test.each([
  ['sku', 'products', 'product_id', (id: string) => `/v1/products/${id}`],
  ['username', 'users', 'user_id', (id: string) => `/v1/users/${id}`],
] as const)(
  'a %s has one holder; whoever waits for it has it as soon as it is given up',
  async (field, _, key, path) => {
    const { made, db, clients } = await system();
    const wanted = 'the-only-one';
    const ids = clients.map(() => uuidv7());
    const holders = () =>
      key === 'user_id'
        ? db<{ id: string }>`select user_id as id from users where username = ${wanted}`
        : db<{ id: string }>`select product_id as id from products where sku = ${wanted}`;
    const waiting = async () => {
      const [found] = await db<{ events: number }>`
      select count(*)::integer as events from parked_events where state = 'waiting' and waits_for = ${`${field}:${wanted}`}`;
      return found?.events;
    };
    const body = (value: string | null) =>
      key === 'user_id' ? { [field]: value } : { name: 'x', [field]: value };
    await Promise.all(clients.map((client, i) => client.put(path(ids[i] as string), body(wanted))));
    const seen = new Set<string>();
    // No sweep runs here, so what is given up is handed on by the very apply that gave it up.
    for (let left = clients.length - 1; left >= 0; left -= 1) {
      const holder = await eventually(async () => {
        const [holding, ...others] = await holders();
        expect(others).toEqual([]);
        expect(holding !== undefined && !seen.has(holding.id)).toBe(true);
        expect(await waiting()).toBe(left);
        return holding?.id as string;
      });
      seen.add(holder);
      await clients[0]?.put(path(holder), body(left % 2 === 0 ? null : `other-${left}`));
    }
    await drain(made);
    expect(seen.size).toBe(16);
    expect(await holders()).toEqual([]);
    expect(await db`select event_id from parked_events`).toEqual([]);
  },
);

test.each([
  ['sku', 'products', 'product_id'],
  ['username', 'users', 'user_id'],
])('an event that waits for a %s and is overtaken meanwhile goes on', async (field, kind, key) => {
  const { made, db, clients } = await system();
  const [holder, other] = [uuidv7(), uuidv7()];
  const send = async (id: string, day: number, body: Record<string, unknown>) => {
    const named = kind === 'products' ? { name: `day ${day}` } : { email: `day${day}@example.com` };
    await clients[0]?.put(`/v1/${kind}/${id}`, {
      ...named,
      ...body,
      occurred_at: `2026-01-0${day}T00:00:00Z`,
    });
    await drain(made);
  };
  await send(holder, 1, { [field]: 'mine' });
  await send(other, 2, { [field]: 'mine' });
  expect(await db`select waits_for from parked_events`).toEqual([{ waits_for: `${field}:mine` }]);
  // Draining sweeps, as the scheduler does.
  await send(other, 3, { [field]: 'another' });
  expect(await db`select event_id from parked_events`).toEqual([]);
  const found =
    key === 'user_id'
      ? await db`select username as held, email as named from users where user_id = ${other}`
      : await db`select sku as held, name as named from products where product_id = ${other}`;
  expect(found).toEqual([{ held: 'another', named: key === 'user_id' ? 'day3@example.com' : 'day 3' }]);
});

test('an edit of a product or a user holds up nobody who points at them', async () => {
  const { db } = await setup();
  const [product_id = ''] = await insertProducts(db, 1);
  const user_id = uuidv7();
  await db`insert into users (user_id, is_anonymous, is_active) values (${user_id}, true, true)`;
  const edit = (fields: Record<string, unknown>) => {
    const event_id = uuidv7();
    const clock = `${new Date().toISOString()} ${event_id}`;
    return JSON.stringify([{ event_id, payload_hash: 1, clock, user_id, product_id, whole: false, fields }]);
  };
  const pepper = Buffer.alloc(32);
  const edits = [
    db`select (apply_products(${edit({ price: 3 })}::text::jsonb, ${pepper}, false)).applied, pg_sleep(3)`,
    db`select (apply_users(${edit({ is_active: true })}::text::jsonb, ${pepper}, false)).applied, pg_sleep(3)`,
  ];
  await eventually(async () =>
    expect(
      await db`
        select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
    ).toHaveLength(2),
  );
  const pointing = db`insert into interactions (user_id, product_id, event_type) values (${user_id}, ${product_id}, 'view')`;
  const first = await Promise.race([
    pointing.then(() => 'who points at them'),
    ...edits.map((e) => e.then(() => 'an edit')),
  ]);
  expect(first).toBe('who points at them');
  for (const [row] of await Promise.all(edits)) expect(row?.applied).toBe(1);
});

test('recounts lock rows in the order of their ids, as everybody does', async () => {
  const { db } = await setup();
  const [one = '', other = ''] = await insertProducts(db, 2);
  const [low = '', high = ''] = [one, other].sort();
  const user_id = uuidv7();
  const [first, last] = ['00000000-0000-4000-8000-000000000001', 'ffffffff-ffff-4fff-bfff-ffffffffffff'];
  await db`insert into users (user_id, is_anonymous, is_active) values (${user_id}, true, true)`;
  // Written the other way round, and everything about them is wrong.
  await db`
    insert into reviews (review_id, user_id, product_id, rating, helpful_count, verified_purchase)
    values (${last}, ${user_id}, ${high}, 5, 7, true), (${first}, ${user_id}, ${low}, 5, 7, true)`;
  await db`update products set rating = 1 where product_id = ${high}`;
  await db`update products set rating = 1 where product_id = ${low}`;
  const isBlocked = () => db`
    select from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database() and query like '%refresh_%'`;
  const sleepers = () => db`
    select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  /** Somebody has the first row until the recount was seen waiting for it; the last must be free then. */
  const check = async (
    hold: () => Promise<unknown>,
    recount: () => Promise<unknown>,
    isFree: () => Promise<unknown[]>,
  ) => {
    const held = hold().catch(() => {});
    await eventually(async () => expect(await sleepers()).toHaveLength(1));
    const recounted = recount();
    await eventually(async () => expect(await isBlocked()).toHaveLength(1));
    expect(await isFree()).toHaveLength(1);
    await db`select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'
      and datname = current_database()`;
    await Promise.all([held, recounted]);
  };
  const holdReview = () => db`
    with held as materialized (select review_id from reviews where review_id = ${first} for update)
    select pg_sleep(8) from held`;
  const isReviewFree = () => db`select from reviews where review_id = ${last} for update skip locked`;

  await check(holdReview, () => db`select refresh_helpful_counts(${[last, first]}::uuid[])`, isReviewFree);
  await check(
    holdReview,
    () => db`
      select refresh_verified_purchases(${[user_id, user_id]}::uuid[], ${[high, low]}::uuid[])`,
    isReviewFree,
  );
  await check(
    () => db`
      with held as materialized (select product_id from products where product_id = ${low} for update)
      select pg_sleep(8) from held`,
    () => db`select refresh_ratings(${[high, low]}::uuid[])`,
    () => db`select from products where product_id = ${high} for update skip locked`,
  );
  expect(await db`select helpful_count, verified_purchase from reviews`).toEqual([
    { helpful_count: 0, verified_purchase: false },
    { helpful_count: 0, verified_purchase: false },
  ]);
  expect(await db`select distinct rating from products`).toEqual([{ rating: '5.0' }]);
});
