import { expect, test } from 'vitest';
import { eventJobs, jobs } from '../jobs/index.ts';
import type { EventJob, StoredEvent } from '../src/queue/define-job.ts';
import { type QueueName, queueNames } from '../src/queue/queues.ts';
import { reviewId } from '../src/review-id.ts';
import { expectedPopularity, expectedTables, type Sent } from './model.ts';
import { applyNow } from './support/apply.ts';
import { drain, expectIdle } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { randomShop, seeded } from './support/random-shop.ts';
import { type System, setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';
import { differences, readTables } from './support/tables.ts';

/** Put events into their queues in this order, in jobs of `size`; what shares a job shares its kind. */
const enqueueAll = async (system: System, sent: readonly Sent[], size: number): Promise<void> => {
  const open = new Map<EventJob, StoredEvent[]>();
  for (const { job, event } of sent) {
    const events = open.get(job) ?? [];
    open.set(job, [...events, event]);
    if (events.length + 1 < size) continue;
    open.delete(job);
    await system.producer.enqueue(job, { events: [...events, event] });
  }
  for (const [job, events] of open) await system.producer.enqueue(job, { events });
};

const clear = (system: System) => system.db`
  truncate users, sessions, categories, products, product_images, interactions, purchase_history, user_cart,
    user_wishlist, reviews, review_helpful_votes, ab_tests, recommendation_logs, product_popularity, product_texts, row_versions,
    user_aliases, review_aliases, processed_events, parked_events, dirty_keys, dirty_sets`;

/** `ORDERS=20` for more. With seven, jobs have every size once. */
const orders = Number(process.env.ORDERS ?? 8);

test('every event twice, in any order, leads to the same tables', { timeout: 240_000 }, async () => {
  const system = await setup();
  system.startWorkers();
  const size = { users: 30, products: 12, sessions: 15, reviews: 25, orders: 15, merges: 8, events: 400 };
  const sent = randomShop(seeded(1), size, system.sealer.seal);
  const expected = expectedTables(sent, system.sealer.unseal);
  expect(Object.values(expected).every((rows) => rows.length > 5)).toBe(true);
  for (let seed = 1; seed <= orders; seed += 1) {
    const mixed = seeded(seed).shuffle([...sent, ...sent]);
    await enqueueAll(system, mixed, 1 + (seed % 7) * 10);
    await drain(system);
    expect(differences(await readTables(system.db), expected)).toEqual([]);
    await clear(system);
  }
});

const randomEvents = 100_000;

test(`${randomEvents} random events with repeats and disorder equal the model`, {
  timeout: 600_000,
}, async () => {
  // Intake and all workers share this one process, which is busy: nobody waits for an answer here.
  const system = await setup({ ENQUEUE_TIMEOUT_MS: '30000', DATABASE_POOL_SIZE: '12' });
  const seed = 20_260_101;
  const random = seeded(seed);
  const share = randomEvents / 100_000;
  const size = {
    users: 2_000 * share,
    products: 1_000 * share,
    sessions: 3_000 * share,
    reviews: 4_000 * share,
    orders: 2_000 * share,
    merges: 300 * share,
    events: randomEvents - 9_600 * share,
  };
  const sent = randomShop(random, size, system.sealer.seal);
  // One in twenty comes up to a tenth of all later, one in ten once more.
  const places = sent.flatMap((one, place) => {
    const late = random.chance(0.05) ? random.below(sent.length / 10) : 0;
    const first = { one, place: place + late };
    return random.chance(0.1) ? [first, { one, place: place + random.below(sent.length / 10) }] : [first];
  });
  const arrival = places.sort((a, b) => a.place - b.place).map(({ one }) => one);
  const expected = expectedTables(sent, system.sealer.unseal);

  const began = performance.now();
  // What is only read from the tables is made once in the end: it has no say in them, and would be made after every batch.
  const derived: QueueName[] = ['embeddings', 'index', 'shards', 'recommendations', 'training'];
  const applying = system.startWorkers(
    undefined,
    queueNames.filter((name) => !derived.includes(name)),
  );
  await enqueueAll(system, arrival, 200);
  const intakes = new Set(eventJobs.map(({ queue }) => queue));
  await eventually(() => expectIdle(system.producer, intakes), 500_000);
  await applying.close();
  system.startWorkers();
  await drain(system, 500_000);
  const seconds = (performance.now() - began) / 1_000;
  process.stdout.write(
    `${JSON.stringify({ seed, sent: arrival.length, events: sent.length, seconds: Math.round(seconds) })}\n`,
  );

  expect(differences(await readTables(system.db), expected)).toEqual([]);
  const popular = await system.db<{ product_id: string; score_7d: number }>`
    select product_id, score_7d from product_popularity`;
  const scores = expectedPopularity(expected, system.config.EVENT_WEIGHTS, 7);
  expect(popular.map(({ product_id }) => product_id).sort()).toEqual([...scores.keys()].sort());
  for (const { product_id, score_7d } of popular)
    expect(score_7d).toBeCloseTo(scores.get(product_id) as number, 6);
  const left = await system.db`
    select state, reason, count(*)::integer as events from parked_events
    where (state, reason) not in (('waiting', 'unknown_review'), ('refused', 'own_review')) group by 1, 2`;
  expect(left).toEqual([]);
});

test('a line that was written more often than is remembered outlives a late deletion', async () => {
  const { parts, db } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const random = seeded(5);
  const user_id = random.uuid();
  const line = (second: number, fields: Record<string, unknown>): Sent => {
    const occurred_at = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
    const envelope = { event_id: random.uuid(), received_at: '2026-02-01T00:00:00Z', occurred_at };
    return { job: jobs.updateCart, event: { ...envelope, user_id, product_id, ...fields } };
  };
  const writes = Array.from({ length: 150 }, (_, i) => line(i * 2, { op: 'put', quantity: i + 1 }));
  await applyNow(parts, writes);
  await applyNow(parts, [line(261, { op: 'delete' })]);
  expect(await db`select quantity, added_at, updated_at from user_cart`).toEqual([
    { quantity: 150, added_at: '2026-01-01T00:04:58Z', updated_at: '2026-01-01T00:04:58Z' },
  ]);
});

const permutations = <T>(values: readonly T[]): T[][] =>
  values.length === 0
    ? [[]]
    : values.flatMap((value, i) =>
        permutations([...values.slice(0, i), ...values.slice(i + 1)]).map((rest) => [value, ...rest]),
      );

// What happens, by the order of the times.
test.each([
  [['create', 'edit', 'edit', 'vote', 'unvote', 'delete']],
  [['create', 'vote', 'delete', 'edit', 'unvote', 'edit']],
  [['create', 'vote', 'edit', 'delete', 'edit', 'vote']],
])('all orders of %j lead to the same review', { timeout: 120_000 }, async (history) => {
  const system = await setup();
  const [product_id] = await insertProducts(system.db, 1);
  const random = seeded(7);
  const voter = random.uuid();
  const kinds: Record<string, EventJob> = {
    create: jobs.upsertReviews,
    edit: jobs.upsertReviews,
    vote: jobs.castVotes,
    unvote: jobs.castVotes,
    delete: jobs.deleteReview,
  };
  const histories = permutations(history.map((_, i) => i)).map((order) => {
    const user_id = random.uuid();
    const review_id = reviewId(user_id, product_id as string);
    const events = history.map((what, i): Sent => {
      const event_id = random.uuid();
      const occurred_at = `2026-01-01T00:00:0${i}Z`;
      const envelope = { event_id, received_at: '2026-02-01T00:00:00Z', occurred_at };
      const job = kinds[what] as EventJob;
      if (job === jobs.upsertReviews) {
        return { job, event: { ...envelope, user_id, product_id, rating: 1 + (i % 5), title: `at ${i}` } };
      }
      if (job === jobs.deleteReview) return { job, event: { ...envelope, review_id } };
      return {
        job,
        event: { ...envelope, review_id, user_id: voter, op: what === 'vote' ? 'put' : 'delete' },
      };
    });
    return order.map((i) => events[i] as Sent);
  });
  expect(histories).toHaveLength(720);

  system.startWorkers();
  for (let step = 0; step < history.length; step += 1) {
    await enqueueAll(
      system,
      histories.map((events) => events[step] as Sent),
      100,
    );
    await drain(system);
  }
  const found = await readTables(system.db);
  const { reviews = [], review_helpful_votes = [] } = expectedTables(histories.flat(), String);
  expect(differences(found, { reviews, review_helpful_votes })).toEqual([]);
});
