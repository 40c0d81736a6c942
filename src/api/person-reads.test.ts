import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { createClient } from '../../test/support/client.ts';
import { setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';

const start = async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const user = uuidv7();
  await system.db`
    insert into users (user_id, email, username, password_hash, profile, is_anonymous, is_active, created_at)
    values (${user}, 'a@example.org', 'anna', 'canary-hash', '{"city":"Pune"}', false, true, '2026-01-01T00:00:00Z')`;
  return { ...system, user, read: createClient(url, keys.read) };
};

const lists = ['history', 'cart', 'wishlist', 'purchases'] as const;

test('a user is answered without the password hash', async () => {
  const { read, user } = await start();
  const answer = await read.get(`/v1/users/${user}`);
  expect(answer.json).toEqual({
    user_id: user,
    email: 'a@example.org',
    username: 'anna',
    profile: { city: 'Pune' },
    is_anonymous: false,
    is_active: true,
    created_at: '2026-01-01T00:00:00Z',
    last_seen_at: null,
  });
});

test('a user with nothing has empty lists, an unknown one is 404 and stays unknown', async () => {
  const { db, read, user } = await start();
  for (const list of lists) {
    expect((await read.get(`/v1/users/${user}/${list}`)).json).toEqual({
      user_id: user,
      items: [],
      next_cursor: null,
    });
  }
  for (const path of ['', ...lists.map((list) => `/${list}`)]) {
    expect((await read.get(`/v1/users/${uuidv7()}${path}`)).status, path).toBe(404);
  }
  expect(await db`select user_id from users`).toHaveLength(1);
});

test('lists are newest first, in pages without gaps or repeats, with exact money; one person does not see another', async () => {
  const { db, read, user } = await start();
  const products = await insertProducts(db, 30);
  const other = uuidv7();
  await db`insert into users (user_id, is_anonymous, is_active) values (${other}, true, true)`;
  // Several lines of the same microsecond: the number decides.
  const times = (n: number) => `2026-02-01T00:00:00.${String(Math.floor(n / 4)).padStart(6, '0')}Z`;
  for (const [n, product] of products.entries()) {
    const owner = n < 25 ? user : other;
    await db`insert into user_cart (user_id, product_id, quantity, added_at) values (${owner}, ${product}, ${n + 1}, ${times(n)})`;
    await db`insert into user_wishlist (user_id, product_id, added_at) values (${owner}, ${product}, ${times(n)})`;
    await db`
      insert into interactions (user_id, product_id, event_type, event_value, created_at)
      values (${owner}, ${product}, 'view', 0.10, ${times(n)})`;
    await db`
      insert into purchase_history (user_id, product_id, quantity, unit_price, total_price, order_id, purchased_at)
      values (${owner}, ${product}, 3, 0.1, 0.3, ${uuidv7()}, ${times(n)})`;
  }
  for (const list of lists) {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await read.get(`/v1/users/${user}/${list}?limit=7${cursor}`);
      expect(json.items.length).toBeLessThanOrEqual(7);
      seen.push(...json.items.map((item: { product_id: string }) => item.product_id));
      cursor = json.next_cursor && `&cursor=${json.next_cursor}`;
    } while (cursor);
    expect(seen, list).toEqual(products.slice(0, 25).reverse());
  }
  const first = async (list: string) => (await read.get(`/v1/users/${user}/${list}?limit=1`)).json.items[0];
  const newest = products[24];
  expect(await first('cart')).toEqual({
    product_id: newest,
    quantity: 25,
    added_at: '2026-02-01T00:00:00.000006Z',
    updated_at: expect.any(String),
  });
  expect(await first('wishlist')).toEqual({ product_id: newest, added_at: '2026-02-01T00:00:00.000006Z' });
  expect(await first('purchases')).toEqual({
    order_id: expect.any(String),
    product_id: newest,
    quantity: 3,
    unit_price: '0.10',
    total_price: '0.30',
    payment_method: null,
    payment_status: 'completed',
    purchased_at: '2026-02-01T00:00:00.000006Z',
  });
  expect(await first('history')).toMatchObject({ product_id: newest, event_value: '0.10' });
});

test("a merged visitor's id stands for the person", async () => {
  const { db, read, user } = await start();
  const visitor = uuidv7();
  await db`insert into users (user_id, is_anonymous, is_active) values (${visitor}, true, false)`;
  await db`insert into user_aliases (old_user_id, user_id) values (${visitor}, ${user})`;
  const [product] = await insertProducts(db, 1);
  await db`insert into user_cart (user_id, product_id) values (${user}, ${product})`;

  expect((await read.get(`/v1/users/${visitor}`)).json).toMatchObject({ user_id: user, username: 'anna' });
  const cart = await read.get(`/v1/users/${visitor}/cart`);
  expect(cart.json).toMatchObject({ user_id: user, items: [{ product_id: product }] });
  for (const list of lists) {
    expect((await read.get(`/v1/users/${visitor}/${list}`)).json.user_id, list).toBe(user);
  }
});
