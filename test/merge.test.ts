import { expect, test } from 'vitest';
import { jobs } from '../jobs/index.ts';
import type { EventJob } from '../src/queue/define-job.ts';
import { reviewId } from '../src/review-id.ts';
import { expectedTables, type Sent } from './model.ts';
import { applyNow } from './support/apply.ts';
import { drain } from './support/drain.ts';
import { seeded } from './support/random-shop.ts';
import { setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';
import { differences, readTables } from './support/tables.ts';

const random = seeded(11);

const event = (job: EventJob, second: number, fields: Record<string, unknown>): Sent => ({
  job,
  event: {
    event_id: random.uuid(),
    received_at: '2026-02-01T00:00:00Z',
    occurred_at: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`,
    ...fields,
  },
});

/**
 * What two users who turn out to be one did to the same things. Bit by bit of `pattern` each of seven writes and deletions,
 * in turn of the visitor and of the person, happened or did not: every mixture of older, newer and deleted on either side.
 */
const lives = (pattern: number, product_id: string) => {
  const [visitor, person, third] = [random.uuid(), random.uuid(), random.uuid()];
  const sides = [visitor, person];
  const happened = (bit: number) => ((pattern >> bit) & 1) === 1;
  const sent: Sent[] = [event(jobs.upsertReviews, 0, { user_id: third, product_id, rating: 3 })];
  const theirs = reviewId(third, product_id);
  const session_id = random.uuid();
  // put, put, delete, delete, put, put, delete
  for (let bit = 0; bit < 7; bit += 1) {
    if (!happened(bit)) continue;
    const user_id = sides[bit % 2] as string;
    const gone = [2, 3, 6].includes(bit);
    const second = 10 + bit;
    const op = gone ? 'delete' : 'put';
    const own = reviewId(user_id, product_id);
    sent.push(
      event(jobs.updateCart, second, { user_id, product_id, op, ...(gone ? {} : { quantity: second }) }),
      event(jobs.updateWishlist, second, { user_id, product_id, op }),
      event(jobs.castVotes, second, { user_id, review_id: theirs, op }),
      event(jobs.upsertSessions, second, { session_id, user_id, context: { second } }),
      event(jobs.recordInteractions, second, { user_id, product_id, event_type: 'view' }),
    );
    // A review has to be there once for anything to be said of it.
    const reviewed = gone ? happened(bit % 2) || happened(4 + (bit % 2)) : true;
    if (reviewed) {
      sent.push(
        gone
          ? event(jobs.deleteReview, second, { review_id: own })
          : event(jobs.upsertReviews, second, { user_id, product_id, rating: 1 + (bit % 5) }),
      );
    }
  }
  // Votes on either's review by the other and by a third, and what a moderator says of them, whenever.
  for (const user_id of sides) {
    if (!sent.some(({ job, event: { user_id: by } }) => job === jobs.upsertReviews && by === user_id))
      continue;
    const review_id = reviewId(user_id, product_id);
    for (const voter of [visitor, person, third]) {
      if (voter === user_id || random.chance(0.3)) continue;
      const op = random.chance(0.3) ? 'delete' : 'put';
      sent.push(event(jobs.castVotes, 5 + random.below(15), { review_id, user_id: voter, op }));
    }
    if (random.chance(0.5)) {
      const is_approved = random.chance(0.5);
      sent.push(event(jobs.moderateReview, 5 + random.below(15), { review_id, is_approved }));
    }
  }
  if (random.chance(0.3)) {
    const items = [{ product_id, quantity: 2, unit_price: '0.10' }];
    const order = { user_id: random.pick(sides), order_id: random.uuid(), items };
    sent.push(event(jobs.recordPurchases, 5 + random.below(15), order));
  }
  return { sent, merge: event(jobs.mergeUsers, 30, { user_id: person, from_user_id: visitor }) };
};

const system = async () => {
  const made = await setup();
  const products = await insertProducts(made.db, 128);
  return { made, pairs: products.map((product, pattern) => lives(pattern, product)) };
};

const tables = [
  'users',
  'sessions',
  'user_cart',
  'user_wishlist',
  'interactions',
  'purchase_history',
  'reviews',
];

/** The rows of what users did; the products are fixtures. */
const check = async (made: Awaited<ReturnType<typeof setup>>, sent: Sent[]): Promise<void> => {
  const expected = expectedTables(sent, String);
  expect(expected.user_cart?.length).toBeGreaterThan(20);
  expect(expected.reviews?.length).toBeGreaterThan(20);
  const wanted = [...tables, 'review_helpful_votes'].map((table) => [table, expected[table] ?? []] as const);
  expect(differences(await readTables(made.db), Object.fromEntries(wanted))).toEqual([]);
};

test('every mixture of what both had is resolved', { timeout: 120_000 }, async () => {
  const { made, pairs } = await system();
  const before = pairs.flatMap(({ sent }) => sent).sort((a, b) => (a.job.name < b.job.name ? 1 : -1));
  const merges = pairs.map(({ merge }) => merge);
  made.startWorkers();
  await applyNow(made.parts, before);
  await drain(made);
  await applyNow(made.parts, merges);
  await drain(made);
  await check(made, [...before, ...merges]);
});

test('it makes no difference when the merge comes first, or in between', { timeout: 240_000 }, async () => {
  const { made, pairs } = await system();
  const mixed = pairs.map(({ sent, merge }, i) =>
    // Of half of them the merge is known before all else.
    i % 2 === 0 ? [merge, ...random.shuffle(sent)] : random.shuffle([merge, ...sent]),
  );
  const longest = Math.max(...mixed.map(({ length }) => length));
  const sent = Array.from({ length: longest }, (_, step) =>
    mixed.flatMap((events) => events[step] ?? []).sort((a, b) => (a.job.name < b.job.name ? 1 : -1)),
  ).flat();
  made.startWorkers();
  await applyNow(made.parts, sent);
  await drain(made);
  await check(made, sent);
});

test('a visitor of a visitor ends up with the person, and a merge the other way round is refused', async () => {
  const { parts, db } = await setup();
  const [first, second, person] = [random.uuid(), random.uuid(), random.uuid()];
  const [product_id] = await insertProducts(db, 1);
  const view = (user_id: string) =>
    event(jobs.recordInteractions, 1, { user_id, product_id, event_type: 'view' });
  const back = event(jobs.mergeUsers, 4, { user_id: first, from_user_id: person });
  const elsewhere = event(jobs.mergeUsers, 5, { user_id: random.uuid(), from_user_id: first });
  await applyNow(parts, [
    view(first),
    event(jobs.mergeUsers, 2, { user_id: second, from_user_id: first }),
    event(jobs.mergeUsers, 3, { user_id: person, from_user_id: second }),
    view(first),
    back,
    elsewhere,
  ]);
  expect(await db`select distinct user_id from interactions`).toEqual([{ user_id: person }]);
  expect(await db`select event_id, state, reason from parked_events order by reason`).toEqual([
    { event_id: elsewhere.event.event_id, state: 'refused', reason: 'already_merged' },
    { event_id: back.event.event_id, state: 'refused', reason: 'merge_cycle' },
  ]);
  const logged =
    await db`select payload ->> 'event_id' as id from system_audit where message = 'users merged'`;
  expect(logged).toHaveLength(2);
});

test('what was shown to the visitor, and the cohorts they were in, become those of the person', async () => {
  const { parts, db } = await setup();
  const [visitor, person] = [random.uuid(), random.uuid()];
  await db`
    insert into users (user_id, is_anonymous, is_active) values (${visitor}, true, true), (${person}, false, true)`;
  await db`insert into recommendation_logs (user_id, candidate_products) values (${visitor}, '{}')`;
  await db`
    insert into ab_tests (test_name, user_id, cohort)
    values ('both', ${visitor}, 'a'), ('both', ${person}, 'b'), ('one', ${visitor}, 'c')`;
  await applyNow(parts, [event(jobs.mergeUsers, 1, { user_id: person, from_user_id: visitor })]);
  expect(await db`select user_id from recommendation_logs`).toEqual([{ user_id: person }]);
  expect(await db`select test_name, user_id, cohort from ab_tests order by 1`).toEqual([
    { test_name: 'both', user_id: person, cohort: 'b' },
    { test_name: 'one', user_id: person, cohort: 'c' },
  ]);
});
