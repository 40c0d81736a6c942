import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { reviewId } from '../src/review-id.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';

const system = async (products = 3) => {
  const made = await setup();
  const { url, keys } = await made.startApi();
  const ids = await insertProducts(made.db, products);
  made.startWorkers();
  return { made, db: made.db, client: createClient(url, keys.admin), ids, settle: () => drain(made) };
};

test('amounts are exact, and items keep their order', async () => {
  const { db, client, ids, settle } = await system();
  const [a, b, c] = ids;
  const user_id = uuidv7();
  const answer = await client.post('/v1/purchases', [
    {
      user_id,
      items: [
        { product_id: c, unit_price: '99999999.99' },
        { product_id: a, unit_price: 0.1, quantity: 3 },
        { product_id: b, unit_price: '1234567.89', quantity: 7 },
        { product_id: a, unit_price: 0.2, quantity: 3 },
      ],
      payment_method: 'card',
      purchased_at: '2026-01-02T03:04:05.678901+05:30',
    },
  ]);
  expect(answer.status).toBe(202);
  expect(answer.json.order_ids).toEqual(answer.json.event_ids);
  await settle();
  const rows = await db`
    select product_id, quantity, unit_price, total_price, order_id, purchased_at, payment_method, payment_status
    from purchase_history order by id`;
  const rest = {
    order_id: answer.json.order_ids[0],
    purchased_at: '2026-01-01T21:34:05.678901Z',
    payment_method: 'card',
    payment_status: 'completed',
  };
  expect(rows).toEqual([
    { product_id: c, quantity: 1, unit_price: '99999999.99', total_price: '99999999.99', ...rest },
    { product_id: a, quantity: 3, unit_price: '0.10', total_price: '0.30', ...rest },
    { product_id: b, quantity: 7, unit_price: '1234567.89', total_price: '8641975.23', ...rest },
    { product_id: a, quantity: 3, unit_price: '0.20', total_price: '0.60', ...rest },
  ]);
  expect(
    await db`select sum(total_price) filter (where product_id = ${a}) as sum from purchase_history`,
  ).toEqual([{ sum: '0.90' }]);
  expect(await db`select count(*)::integer as rows from interactions`).toEqual([{ rows: 0 }]);
});

test('an item that no column holds is refused at the door, and its field is named', async () => {
  const { client, ids } = await system(1);
  const items: readonly [item: Record<string, unknown>, ...fields: string[]][] = [
    [{ unit_price: 'cheap' }, 'unit_price'],
    [{ unit_price: 'so long that it cannot be one' }, 'unit_price'],
    [{ unit_price: true }, 'unit_price'],
    [{ unit_price: 1e40 }, 'unit_price'],
    [{ unit_price: '0.001' }, 'unit_price'],
    [{ unit_price: '100000000' }, 'unit_price'],
    [{ unit_price: '-1' }, 'unit_price'],
    [{ unit_price: '50000000.00', quantity: 2 }, 'quantity'],
    [{ unit_price: '1.00', quantity: 1.5 }, 'quantity'],
    // No safe integer, more than the column holds, and too much in all.
    [{ unit_price: '1.00', quantity: 1e20 }, 'quantity', 'quantity', 'quantity'],
  ];
  for (const [item, ...fields] of items) {
    const order = { user_id: uuidv7(), items: [{ product_id: ids[0], ...item }] };
    const { status, json } = await client.post('/v1/purchases', order);
    expect(status, JSON.stringify(item)).toBe(400);
    const paths = json.errors.map(({ path }: { path: string }) => path);
    expect(paths, JSON.stringify(item)).toEqual(fields.map((field) => `/items/0/${field}`));
  }
});

test('an order with one unknown product waits as a whole, and comes with it at once', async () => {
  const { db, client, ids, settle } = await system(1);
  const unknown = uuidv7();
  const items = [
    { product_id: ids[0], unit_price: '1.00' },
    { product_id: unknown, unit_price: '2.00' },
  ];
  const answer = await client.post('/v1/purchases', { user_id: uuidv7(), items });
  const [order] = answer.json.order_ids;
  await client.patch(`/v1/purchases/${order}`, { payment_status: 'refunded' });
  await settle();
  expect(await db`select product_id from purchase_history`).toEqual([]);
  expect(await db`select reason, waits_for from parked_events order by reason`).toEqual([
    { reason: 'unknown_order', waits_for: `order:${order}` },
    { reason: 'unknown_product', waits_for: `product:${unknown}` },
  ]);
  await client.put(`/v1/products/${unknown}`, { name: 'there now' });
  await settle();
  expect(await db`select total_price, payment_status from purchase_history order by id`).toEqual([
    { total_price: '1.00', payment_status: 'refunded' },
    { total_price: '2.00', payment_status: 'refunded' },
  ]);
  expect(await db`select event_id from parked_events`).toEqual([]);
});

test('a refund takes back that a review is by a buyer, and the popularity; a later payment brings both again', async () => {
  const { db, client, ids, settle } = await system(1);
  const [product_id] = ids;
  const user_id = uuidv7();
  const order_id = uuidv7();
  const at = (hour: number) => ({ occurred_at: `2026-01-01T0${hour}:00:00Z` });
  const state = async () => {
    await settle();
    const [found] = await db`
      select verified_purchase, (select count(*)::integer from product_popularity) as popular from reviews`;
    return found;
  };
  const pay = (hour: number, payment_status: string) =>
    client.patch(`/v1/purchases/${order_id}`, { payment_status, ...at(hour) });
  await client.post('/v1/reviews', { user_id, product_id, rating: 5 });
  expect(await state()).toEqual({ verified_purchase: false, popular: 0 });
  const items = [{ product_id, unit_price: '1.00' }];
  await client.post('/v1/purchases', { user_id, order_id, items, ...at(1) });
  expect(await state()).toEqual({ verified_purchase: true, popular: 1 });
  await pay(5, 'refunded');
  expect(await state()).toEqual({ verified_purchase: false, popular: 0 });
  // Older than the refund: says nothing any more.
  await pay(3, 'completed');
  expect(await state()).toEqual({ verified_purchase: false, popular: 0 });
  await pay(7, 'completed');
  expect(await state()).toEqual({ verified_purchase: true, popular: 1 });
  // Items that are added to the order later share its status.
  await pay(8, 'cancelled');
  await client.post('/v1/purchases', { user_id, order_id, items, ...at(2) });
  expect(await state()).toEqual({ verified_purchase: false, popular: 0 });
  expect(await db`select distinct payment_status from purchase_history`).toEqual([
    { payment_status: 'cancelled' },
  ]);
  await client.delete(`/v1/reviews/${reviewId(user_id, product_id as string)}`);
});

test('a purchase removes the older cart lines of what was bought, also those that arrive later', async () => {
  const { db, client, ids, settle } = await system(4);
  const [older, late, newer, other] = ids;
  const user_id = uuidv7();
  const line = (product: string | undefined, hour: number) =>
    client.put(`/v1/users/${user_id}/cart/${product}`, {
      quantity: hour,
      occurred_at: `2026-01-01T0${hour}:00:00Z`,
    });
  await line(older, 1);
  await line(newer, 6);
  await line(other, 1);
  await settle();
  await client.post('/v1/purchases', {
    user_id,
    items: [older, late, newer].map((product_id) => ({ product_id, unit_price: '1' })),
    purchased_at: '2026-01-01T05:00:00Z',
  });
  await settle();
  await line(late, 4);
  await line(older, 7);
  await settle();
  const left = await db`select product_id, quantity, added_at from user_cart order by quantity`;
  expect(left).toEqual([
    { product_id: other, quantity: 1, added_at: '2026-01-01T01:00:00Z' },
    { product_id: newer, quantity: 6, added_at: '2026-01-01T06:00:00Z' },
    { product_id: older, quantity: 7, added_at: '2026-01-01T07:00:00Z' },
  ]);
});
