import { v7 as uuidv7 } from 'uuid';
import { expect, inject, test } from 'vitest';
import { jobs } from '../jobs/index.ts';
import { parkEvents } from '../src/db/parked-events.ts';
import type { EventJob } from '../src/queue/define-job.ts';
import { pepperOf } from '../src/queue/secrets.ts';
import { reviewId } from '../src/review-id.ts';
import { handlers } from '../workers/index.ts';
import type { Sent } from './model.ts';
import { applyNow } from './support/apply.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { dumpRedis, dumpTables } from './support/everything.ts';
import { performJob } from './support/perform-job.ts';
import { type System, setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';

const event = (job: EventJob, fields: Record<string, unknown>): Sent => ({
  job,
  event: {
    event_id: uuidv7(),
    received_at: new Date().toISOString(),
    ...fields,
  },
});

const secrets = {
  email: 'atlantis@example.com',
  username: 'captain-nemo-of-the-nautilus',
  profile: { favourite: 'twenty thousand leagues' },
};

interface Persona {
  user: string;
  session: string;
  order: string;
}

const persona = (): Persona => ({ user: uuidv7(), session: uuidv7(), order: uuidv7() });

/** One event of each kind by or about somebody. */
const lifeOf = (system: System, { user: user_id, session, order }: Persona, shop: Shop): Sent[] => [
  event(jobs.upsertUsers, { user_id, password_hash: system.sealer.seal(`hash-of-${user_id}`) }),
  event(jobs.recordInteractions, {
    user_id,
    product_id: shop.product,
    session_id: session,
    event_type: 'view',
  }),
  event(jobs.recordInteractions, {
    user_id,
    product_id: shop.product,
    session_id: uuidv7(),
    event_type: 'click',
  }),
  event(jobs.upsertSessions, { session_id: session, user_id, context: { said: user_id } }),
  event(jobs.recordPurchases, {
    user_id,
    order_id: order,
    items: [{ product_id: shop.product, quantity: 1, unit_price: '9.99' }],
  }),
  event(jobs.changePaymentStatus, { order_id: order, payment_status: 'completed' }),
  event(jobs.updateCart, { user_id, product_id: shop.product, op: 'put', quantity: 2 }),
  event(jobs.updateWishlist, { user_id, product_id: shop.product, op: 'put' }),
  event(jobs.upsertReviews, { user_id, product_id: shop.product, rating: 1, comment: `by ${user_id}` }),
  event(jobs.moderateReview, { review_id: reviewId(user_id, shop.product), is_approved: true }),
  event(jobs.castVotes, { user_id, review_id: shop.review, op: 'put' }),
  event(jobs.castVotes, { user_id: shop.bystander, review_id: reviewId(user_id, shop.product), op: 'put' }),
  // Each of these ends among the parked events.
  event(jobs.castVotes, { user_id, review_id: reviewId(user_id, shop.product), op: 'put' }),
  event(jobs.recordInteractions, { user_id, product_id: uuidv7(), event_type: 'view' }),
  event(jobs.recordPurchases, {
    user_id,
    items: [{ product_id: uuidv7(), quantity: 1, unit_price: '1.00' }],
  }),
  event(jobs.updateCart, { user_id, product_id: uuidv7(), op: 'delete' }),
  event(jobs.upsertReviews, { user_id, product_id: uuidv7(), rating: 5, comment: 'never seen' }),
  event(jobs.recordInteractions, { user_id, product_id: shop.product, event_type: 'NOT A TYPE' }),
  event(jobs.upsertUsers, { user_id, username: shop.takenName }),
];

interface Shop {
  product: string;
  bystander: string;
  review: string;
  takenName: string;
}

/** A shop with somebody who has nothing to do with it all. */
const openShop = async (system: System): Promise<Shop> => {
  const [product = ''] = await insertProducts(system.db, 1);
  const bystander = uuidv7();
  const takenName = 'first-come-first-served';
  await applyNow(system.parts, [
    event(jobs.upsertUsers, { user_id: bystander, username: takenName, email: 'by@example.com' }),
    event(jobs.upsertReviews, { user_id: bystander, product_id: product, rating: 4 }),
    event(jobs.updateCart, { user_id: bystander, product_id: product, op: 'put', quantity: 1 }),
    event(jobs.recordInteractions, { user_id: bystander, product_id: product, event_type: 'view' }),
  ]);
  return { product, bystander, review: reviewId(bystander, product), takenName };
};

const everything = async (system: System): Promise<string[]> => [
  ...(await dumpTables(system.db)),
  ...(await dumpRedis(inject('redisQueueUrl'))),
  ...(await dumpRedis(inject('redisCacheUrl'))),
];

const traces = async (system: System, words: readonly string[]): Promise<string[]> =>
  (await everything(system)).filter((line) => words.some((word) => line.toLowerCase().includes(word)));

test('an erased person is nowhere, under no id, and stays so whatever comes later', {
  timeout: 120_000,
}, async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const client = createClient(url, keys.admin);
  const shop = await openShop(system);
  const [person, visitor] = [persona(), persona()];
  const words = [
    person.user,
    visitor.user,
    ...Object.values(secrets).map((x) => JSON.stringify(x).slice(1, -1)),
  ];

  await applyNow(system.parts, [
    event(jobs.upsertUsers, { user_id: person.user, ...secrets }),
    ...lifeOf(system, person, shop),
    ...lifeOf(system, visitor, shop),
    event(jobs.mergeUsers, { user_id: person.user, from_user_id: visitor.user }),
    ...lifeOf(system, visitor, shop),
  ]);
  await system.db`
    insert into recommendation_logs (user_id, candidate_products) values (${person.user}, '{}'), (${shop.bystander}, '{}')`;
  await system.db`
    insert into ab_tests (test_name, user_id, cohort) values ('t', ${person.user}, 'a'), ('t', ${shop.bystander}, 'a')`;
  // A job that failed for good, with an event of somebody else in it.
  const foreign = event(jobs.recordInteractions, {
    user_id: shop.bystander,
    product_id: shop.product,
    event_type: 'rescued',
  });
  const own = lifeOf(system, visitor, shop).map((one) => one.event);
  const queue = system.producer.queues.get('interactions');
  const failed = await queue?.add(jobs.recordInteractions.name, {
    events: [...own, foreign.event],
    odd: true,
  });
  // Still queued while the erasure is decided.
  for (const one of lifeOf(system, person, shop))
    await system.producer.enqueue(one.job, { events: [one.event] });

  system.startWorkers();
  await drain(system);
  expect(await failed?.getState()).toBe('failed');
  expect((await traces(system, words)).length).toBeGreaterThan(30);

  // More of them come in while the person is being forgotten.
  const [answer] = await Promise.all([
    client.delete(`/v1/users/${person.user}`),
    ...[person, visitor].flatMap((who) =>
      lifeOf(system, who, shop).map((one) => system.producer.enqueue(one.job, { events: [one.event] })),
    ),
  ]);
  expect(answer.status).toBe(202);
  await drain(system);
  expect(await traces(system, words)).toEqual([]);

  // What is left of others is whole.
  const [rest] = await system.db`
    select (select count(*)::integer from users) as users, (select rating from products) as rating,
      (select helpful_count from reviews) as helpful, (select count(*)::integer from interactions) as interactions,
      (select count(*)::integer from user_cart) as cart, (select count(*)::integer from sessions) as sessions,
      (select count(*)::integer from recommendation_logs) as logs, (select count(*)::integer from ab_tests) as tests`;
  expect(rest).toEqual({
    users: 1,
    rating: '4.0',
    helpful: 0,
    interactions: 1,
    cart: 1,
    sessions: 0,
    logs: 1,
    tests: 1,
  });
  expect((await queue?.getFailed())?.map((job) => job.data.events)).toEqual([[foreign.event]]);

  // Late ones, by the same ids and about the same things, do nothing and wait for nothing.
  const unheard = uuidv7();
  const late = [person, visitor].flatMap((who) => [
    ...lifeOf(system, who, shop),
    event(jobs.recordInteractions, {
      user_id: who.user,
      product_id: shop.product,
      session_id: unheard,
      event_type: 'view',
    }),
    event(jobs.upsertSessions, { session_id: unheard, context: { x: 1 } }),
    event(jobs.upsertSessions, { session_id: who.session, context: { x: 1 } }),
    event(jobs.deleteReview, { review_id: reviewId(who.user, shop.product) }),
    event(jobs.mergeUsers, { user_id: who.user, from_user_id: uuidv7() }),
    event(jobs.mergeUsers, { user_id: shop.bystander, from_user_id: who.user }),
  ]);
  await applyNow(system.parts, late);
  await drain(system);
  expect(await traces(system, words)).toEqual([]);
  expect(await system.db`select job, reason, payload from parked_events`).toEqual([]);
  expect(await system.db`select session_id from sessions`).toEqual([]);
  expect(await system.db`select kind, key from row_versions where kind in ('order', 'session')`).toEqual([]);
  expect(await system.db`select user_id from users`).toEqual([{ user_id: shop.bystander }]);

  const audit = await system.db`select severity, payload from system_audit where message = 'user erased'`;
  expect(audit).toEqual([{ severity: 'info', payload: { event_id: answer.json.event_ids[0] } }]);
  // Once more, by either id, is no mistake.
  await client.delete(`/v1/users/${visitor.user}`);
  await drain(system);
  expect(await traces(system, words)).toEqual([]);
});

test('an event that was judged before the erasure and is set aside after it leaves no trace', async () => {
  const system = await setup();
  const user_id = uuidv7();
  const { job, event: late } = event(jobs.updateCart, { user_id, product_id: uuidv7(), op: 'delete' });
  await applyNow(system.parts, [event(jobs.eraseUser, { user_id })]);
  await parkEvents(system.db, {
    job: job.name,
    state: 'waiting',
    again: false,
    waitSeconds: 600,
    pepper: pepperOf(system.config),
    events: [{ event_id: late.event_id, payload: late, payload_hash: 1, reason: 'unknown_product' }],
  });
  expect(await traces(system, [user_id])).toEqual([]);
});

test('a waiting name leaves no trace in the audit when nobody gives it up', async () => {
  const system = await setup({ WAITING_MINUTES: '0.0001' });
  await applyNow(system.parts, [
    event(jobs.upsertUsers, { user_id: uuidv7(), username: secrets.username }),
    event(jobs.upsertUsers, { user_id: uuidv7(), username: secrets.username }),
  ]);
  await eventually(async () => {
    await performJob(jobs.sweep, handlers.sweep, {}, system.parts);
    expect(await system.db`select state from parked_events`).toEqual([{ state: 'failed' }]);
  });
  const audit = (await traces(system, [secrets.username])).filter((line) => line.startsWith('system_audit'));
  expect(audit).toEqual([]);
});

test('the name of an erased person goes to whoever waits for it, at once', async () => {
  const system = await setup();
  const [first, second] = [uuidv7(), uuidv7()];
  system.startWorkers();
  await applyNow(system.parts, [
    event(jobs.upsertUsers, { user_id: first, username: 'only-one' }),
    event(jobs.upsertUsers, { user_id: second, username: 'only-one' }),
  ]);
  expect(await system.db`select user_id from users`).toEqual([{ user_id: first }]);
  await applyNow(system.parts, [event(jobs.eraseUser, { user_id: first })]);
  await drain(system);
  expect(await system.db`select user_id, username from users`).toEqual([
    { user_id: second, username: 'only-one' },
  ]);
});
