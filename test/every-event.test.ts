import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { eventJobs } from '../jobs/index.ts';
import { reviewId } from '../src/review-id.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { setup } from './support/setup.ts';

const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, '0')}:00Z`;

test('one of each event of the contract, through HTTP, is in its table', { timeout: 120_000 }, async () => {
  const system = await setup();
  const { db } = system;
  const { url, keys } = await system.startApi();
  const client = createClient(url, keys.admin);
  system.startWorkers();

  const [person, visitor, gone, product, other, session, order] = Array.from({ length: 7 }, () => uuidv7());
  const [kept, image, primary] = Array.from({ length: 3 }, () => uuidv7());
  const review = reviewId(person as string, product as string);
  const doomed = reviewId(person as string, other as string);
  let calls = 0;
  const call = async (
    method: 'post' | 'put' | 'patch' | 'delete',
    path: string,
    body: Record<string, unknown>,
  ) => {
    calls += 1;
    const occurred_at = at(calls);
    const plain = method === 'delete' || Object.keys(body).length === 0;
    const answer = plain
      ? await client.call(method.toUpperCase(), `${path}?occurred_at=${occurred_at}`)
      : await client.call(method.toUpperCase(), path, { ...body, occurred_at });
    expect([path, answer.status, answer.json.accepted]).toEqual([path, 202, 1]);
    return answer.json;
  };

  await call('put', '/v1/categories/home', { name: 'Home' });
  await call('put', '/v1/categories/lamps', { name: 'Lamps', parent_slug: 'home' });
  const details = {
    ...{
      sku: 'L-1',
      name: 'Lamp',
      short_description: 'Bright',
      long_description: 'Very bright',
      tags: ['a', 'b'],
    },
    ...{ category_slug: 'lamps', price: 24300, currency: 'INR', brand: 'Lux', metadata_json: { watt: 5 } },
    ...{ discount_percent: '12.5' },
  };
  await call('put', `/v1/products/${product}`, details);
  await call('put', `/v1/products/${other}`, { name: 'Other' });
  await call('patch', `/v1/products/${product}`, { name: 'Lamp II', price: '0.30' });
  await call('delete', `/v1/products/${other}`, {});
  await call('put', `/v1/products/${product}/images/${kept}`, { s3_key: 'k', is_primary: true, width: 10 });
  await call('put', `/v1/products/${product}/images/${primary}`, { s3_key: 'p', is_primary: true });
  await call('put', `/v1/products/${product}/images/${image}`, { s3_key: 'i' });
  await call('delete', `/v1/products/${product}/images/${image}`, {});
  const about = { email: 'p@example.com', username: 'p', password_hash: 'h', profile: { a: 1 } };
  await call('put', `/v1/users/${person}`, { ...about, last_seen_at: at(0) });
  await call('put', `/v1/sessions/${session}`, {
    user_id: visitor,
    context: { page: '/' },
    ended_at: at(30),
  });
  const acted = {
    event_type: 'click',
    event_value: '1.5',
    session_id: session,
    platform: 'web',
    device: { os: 'x' },
  };
  await call('post', '/v1/interactions', { user_id: visitor, product_id: product, ...acted });
  await call('put', `/v1/users/${visitor}/cart/${product}`, { quantity: 1 });
  await call('put', `/v1/users/${visitor}/cart/${other}`, { quantity: 2 });
  await call('delete', `/v1/users/${visitor}/cart/${other}`, {});
  await call('put', `/v1/users/${visitor}/wishlist/${product}`, {});
  await call('put', `/v1/users/${visitor}/wishlist/${other}`, {});
  await call('delete', `/v1/users/${visitor}/wishlist/${other}`, {});
  const items = [{ product_id: product, quantity: 2, unit_price: '0.15' }];
  await call('post', '/v1/purchases', { user_id: person, order_id: order, items, payment_status: 'pending' });
  await call('patch', `/v1/purchases/${order}`, { payment_status: 'completed' });
  const written = await call('post', '/v1/reviews', {
    user_id: person,
    product_id: product,
    rating: 4,
    title: 't',
  });
  expect(written.review_ids).toEqual([review]);
  await call('post', '/v1/reviews', { user_id: person, product_id: other, rating: 1 });
  await call('delete', `/v1/reviews/${doomed}`, {});
  await call('post', '/v1/reviews', { user_id: visitor, product_id: other, rating: 2 });
  await call('patch', `/v1/reviews/${reviewId(visitor as string, other as string)}`, { is_approved: false });
  await call('put', `/v1/reviews/${review}/votes/${gone}`, {});
  await call('put', `/v1/reviews/${review}/votes/${uuidv7()}`, {});
  await call('put', `/v1/reviews/${review}/votes/${visitor}`, {});
  await drain(system);
  await call('delete', `/v1/reviews/${review}/votes/${visitor}`, {});
  await call('post', `/v1/users/${person}/merge`, { from_user_id: visitor });
  await drain(system);
  await db`insert into recommendation_logs (user_id) values (${gone}), (${person})`;
  await db`insert into ab_tests (test_name, user_id, cohort) values ('t', ${gone}, 'a'), ('t', ${person}, 'a')`;
  await call('delete', `/v1/users/${gone}`, {});
  await drain(system);
  expect(await db`select job, state, reason from parked_events`).toEqual([]);
  const applied = await db<{ job: string }>`select distinct job from processed_events`;
  expect(applied.map(({ job }) => job).sort()).toEqual(eventJobs.map(({ name }) => name).sort());

  expect(
    await db`
    select c.slug, c.name, p.slug as parent from categories c
    left join categories p on p.category_id = c.parent_id order by c.slug`,
  ).toEqual([
    { slug: 'home', name: 'Home', parent: null },
    { slug: 'lamps', name: 'Lamps', parent: 'home' },
  ]);
  const columns = db.fragment`
    sku, p.name, short_description, long_description, tags, c.slug as category_slug, price, currency, brand,
    metadata_json, discount_percent, available, rating, created_at, updated_at`;
  const listed =
    await db`select ${columns} from products p left join categories c using (category_id) order by p.name`;
  expect(listed).toEqual([
    {
      ...{
        ...details,
        name: 'Lamp II',
        price: '0.30',
        discount_percent: '12.50',
        available: true,
        rating: '4.0',
      },
      ...{ created_at: at(3), updated_at: at(5) },
    },
    expect.objectContaining({ name: 'Other', available: false, rating: '0.0', updated_at: at(6) }),
  ]);
  expect(await db`select image_id, s3_key, width, is_primary from product_images order by s3_key`).toEqual([
    { image_id: kept, s3_key: 'k', width: 10, is_primary: false },
    { image_id: primary, s3_key: 'p', width: null, is_primary: true },
  ]);
  expect(await db`select * from users where user_id = ${person}`).toEqual([
    {
      ...{ user_id: person, ...about, last_seen_at: at(0), is_anonymous: false, is_active: true },
      created_at: expect.any(String),
    },
  ]);
  expect(await db`select is_anonymous, is_active from users where user_id = ${visitor}`).toEqual([
    { is_anonymous: true, is_active: false },
  ]);
  expect(await db`select * from sessions`).toEqual([
    { session_id: session, user_id: person, started_at: at(12), ended_at: at(30), context: { page: '/' } },
  ]);
  expect(await db`select * from interactions`).toEqual([
    { id: expect.any(Number), user_id: person, product_id: product, ...acted, created_at: at(13) },
  ]);
  expect(
    await db`select user_id, product_id, total_price, order_id, payment_status from purchase_history`,
  ).toEqual([
    {
      user_id: person,
      product_id: product,
      total_price: '0.30',
      order_id: order,
      payment_status: 'completed',
    },
  ]);
  // What the visitor had in the cart was bought, by the same person and later.
  expect(await db`select product_id from user_cart`).toEqual([]);
  expect(await db`select user_id, product_id, added_at from user_wishlist`).toEqual([
    { user_id: person, product_id: product, added_at: at(17) },
  ]);
  expect(
    await db`
    select review_id, rating, title, verified_purchase, helpful_count, is_approved, created_at from reviews
    order by rating`,
  ).toEqual([
    {
      ...{
        review_id: doomed,
        rating: 2,
        title: null,
        verified_purchase: false,
        helpful_count: 0,
        is_approved: false,
      },
      created_at: at(25),
    },
    {
      ...{
        review_id: review,
        rating: 4,
        title: 't',
        verified_purchase: true,
        helpful_count: 1,
        is_approved: true,
      },
      created_at: at(22),
    },
  ]);
  expect(await db`select review_id, created_at from review_helpful_votes`).toEqual([
    { review_id: review, created_at: at(28) },
  ]);
  expect(await db`select user_id from recommendation_logs`).toEqual([{ user_id: person }]);
  expect(await db`select user_id from ab_tests`).toEqual([{ user_id: person }]);
  expect(await db`select object_type, object_id, dim from embeddings_meta`).toContainEqual({
    object_type: 'product',
    object_id: product,
    dim: 384,
  });
  expect(await db`select component, message from system_audit where component <> 'keys' order by id`).toEqual(
    [
      { component: 'reviews', message: 'review moderated' },
      { component: 'users', message: 'users merged' },
      { component: 'users', message: 'user erased' },
    ],
  );
});
