import { jobs } from '../../jobs/index.ts';
import type { EventJob } from '../../src/queue/define-job.ts';
import { reviewId } from '../../src/review-id.ts';
import type { Sent } from '../model.ts';

/** Numbers that follow from a seed. */
export const seeded = (seed: number) => {
  let state = seed >>> 0;
  const next = (): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => below(16).toString(16)).join('');
  return {
    below,
    chance: (share: number): boolean => next() < share,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
    uuid: (): string => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    shuffle: <T>(values: readonly T[]): T[] => {
      const mixed = [...values];
      for (let last = mixed.length - 1; last > 0; last -= 1) {
        const other = below(last + 1);
        [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
      }
      return mixed;
    },
  };
};

export type Random = ReturnType<typeof seeded>;

interface ShopSize {
  users: number;
  products: number;
  sessions: number;
  reviews: number;
  orders: number;
  merges: number;
  /** Further events, of all kinds, on what was set up first. */
  events: number;
}

const begin = Date.parse('2026-01-01T00:00:00Z');
const receivedAt = '2026-06-01T00:00:00.000000Z';

/**
 * The events of a shop in the order of their times: people, catalogue, orders and reviews first, then whatever can happen
 * to them. Several of a second are common, so that ids have to break ties.
 */
export const randomShop = (random: Random, size: ShopSize, seal: (secret: string) => string): Sent[] => {
  const { below, chance, pick, uuid } = random;
  const many = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const time = (second: number): string => new Date(begin + second * 1_000).toISOString().replace('.000', '');
  const users = many(size.users, uuid);
  const products = many(size.products, uuid);
  const sessions = many(size.sessions, uuid);
  const images = many(size.products * 2, (i) => ({
    image_id: uuid(),
    product_id: products[i >> 1] as string,
  }));
  const orders = many(size.orders, uuid);
  const slugs = many(8, (i) => `category-${i}`);
  const written = many(size.reviews, () => ({ user_id: pick(users), product_id: pick(products) }));
  const reviewIds = written.map(({ user_id, product_id }) => reviewId(user_id, product_id));

  const sent: Sent[] = [];
  const happen = (job: EventJob, second: number, fields: Record<string, unknown>): void => {
    const event = { event_id: uuid(), received_at: receivedAt, occurred_at: time(second), ...fields };
    const op = Object.keys(job.ops).length > 1 ? { op: fields.op ?? 'put' } : {};
    sent.push({ job, event: { ...event, ...op } });
  };
  const price = () => `${below(90_000)}.${String(below(100)).padStart(2, '0')}`;
  const productFields = (i: number): Record<string, unknown> => ({
    sku: chance(0.2) ? null : `sku-${i}-${below(3)}`,
    name: `Product ${i}, edition ${below(1_000)}`,
    ...(chance(0.5) && { short_description: `short ${below(1_000)}` }),
    ...(chance(0.5) && { category_slug: chance(0.1) ? null : pick(slugs) }),
    ...(chance(0.5) && { tags: [`tag-${below(9)}`, 'ünï "code", {x}'] }),
    ...(chance(0.8) && { price: chance(0.05) ? null : price(), currency: 'INR' }),
    ...(chance(0.3) && { metadata_json: { n: below(9), deep: { list: [1, null, 'x'] } } }),
    ...(chance(0.3) && { discount_percent: `${below(100)}.50` }),
    ...(chance(0.1) && { available: chance(0.5) }),
  });
  const reviewText = () => ({ rating: 1 + below(5), ...(chance(0.5) && { title: `title ${below(1_000)}` }) });
  const order = (id: string) => ({
    user_id: pick(users),
    order_id: id,
    items: many(1 + below(3), () => ({
      product_id: pick(products),
      quantity: 1 + below(4),
      unit_price: price(),
    })),
    ...(chance(0.3) && { payment_status: pick(['pending', 'completed', 'failed']) }),
  });

  const setUp = 1 + (size.events >> 4);
  users.forEach((user_id, i) => {
    happen(jobs.upsertUsers, below(setUp), {
      user_id,
      ...(chance(0.6) && { email: `user${i}@example.com`, password_hash: seal(`hash ${i}`) }),
    });
  });
  slugs.forEach((slug, i) => {
    happen(jobs.upsertCategories, below(setUp), {
      slug,
      name: slug,
      parent_slug: i > 2 ? slugs[below(i)] : null,
    });
  });
  products.forEach((product_id, i) => {
    happen(jobs.upsertProducts, below(setUp), { product_id, ...productFields(i) });
  });
  for (const review of written) happen(jobs.upsertReviews, below(setUp), { ...review, ...reviewText() });
  for (const id of orders) happen(jobs.recordPurchases, below(setUp), order(id));

  // Each visitor becomes somebody who was there before, who may be a visitor, too.
  for (let i = size.users - size.merges; i < size.users; i += 1) {
    happen(jobs.mergeUsers, below(size.events), { user_id: users[below(i)], from_user_id: users[i] });
  }

  const further: [weight: number, happens: (second: number) => void][] = [
    [
      45,
      (second) =>
        happen(jobs.recordInteractions, second, {
          user_id: pick(users),
          product_id: pick(products),
          event_type: pick(['view', 'click', 'add_to_cart', 'rate', 'shrug']),
          ...(chance(0.5) && { session_id: pick(sessions) }),
          ...(chance(0.2) && { event_value: `${below(100)}.25`, platform: 'web', device: { type: 'phone' } }),
        }),
    ],
    [
      5,
      (second) =>
        happen(jobs.upsertSessions, second, {
          session_id: pick(sessions),
          ...(chance(0.7) && { user_id: pick(users) }),
          ...(chance(0.2) && { started_at: time(below(size.events)) }),
          ...(chance(0.3) && { ended_at: chance(0.2) ? null : time(below(size.events)) }),
          ...(chance(0.3) && { context: { page: below(9) } }),
        }),
    ],
    [
      10,
      (second) =>
        happen(jobs.updateCart, second, {
          user_id: pick(users),
          product_id: pick(products),
          ...(chance(0.3) ? { op: 'delete' } : { quantity: 1 + below(9) }),
        }),
    ],
    [
      6,
      (second) =>
        happen(jobs.updateWishlist, second, {
          user_id: pick(users),
          product_id: pick(products),
          op: chance(0.3) ? 'delete' : 'put',
        }),
    ],
    [5, (second) => happen(jobs.recordPurchases, second, order(chance(0.1) ? pick(orders) : uuid()))],
    [
      4,
      (second) =>
        happen(jobs.changePaymentStatus, second, {
          order_id: pick(orders),
          payment_status: pick(['pending', 'completed', 'refunded', 'cancelled']),
        }),
    ],
    [5, (second) => happen(jobs.upsertReviews, second, { ...pick(written), ...reviewText() })],
    [1, (second) => happen(jobs.deleteReview, second, { review_id: pick(reviewIds) })],
    [
      2,
      (second) =>
        happen(jobs.moderateReview, second, { review_id: pick(reviewIds), is_approved: chance(0.5) }),
    ],
    [
      8,
      (second) =>
        happen(jobs.castVotes, second, {
          review_id: pick(reviewIds),
          user_id: pick(users),
          op: chance(0.3) ? 'delete' : 'put',
        }),
    ],
    [
      4,
      (second) => {
        const i = below(size.products);
        const { name, ...fields } = productFields(i);
        const op = pick(['put', 'patch', 'patch', 'delete']);
        const body = op === 'put' ? { name, ...fields } : op === 'patch' ? { name } : {};
        happen(jobs.upsertProducts, second, {
          product_id: products[i],
          op,
          ...body,
          ...(op === 'patch' && chance(0.7) ? fields : {}),
        });
      },
    ],
    [
      3,
      (second) =>
        happen(jobs.upsertImages, second, {
          ...pick(images),
          ...(chance(0.2)
            ? { op: 'delete' }
            : {
                s3_key: `images/${below(999)}.jpg`,
                ...(chance(0.5) && { is_primary: chance(0.7), width: 1 + below(999) }),
              }),
        }),
    ],
    [
      1,
      (second) => {
        const i = below(slugs.length);
        happen(jobs.upsertCategories, second, {
          slug: slugs[i],
          name: `Category ${i}, edition ${below(99)}`,
          parent_slug: i > 2 && chance(0.8) ? slugs[below(i)] : null,
        });
      },
    ],
    [
      4,
      (second) => {
        const i = below(size.users);
        happen(jobs.upsertUsers, second, {
          user_id: users[i],
          ...(chance(0.3) && { username: chance(0.1) ? null : `user-${i}-${below(3)}` }),
          ...(chance(0.3) && { profile: { city: `City ${below(99)}` } }),
          ...(chance(0.3) && { last_seen_at: time(second) }),
          ...(chance(0.1) && { is_anonymous: chance(0.5) }),
          ...(chance(0.1) && { is_active: chance(0.5) }),
          ...(chance(0.1) && { password_hash: seal(`hash ${below(99)}`) }),
        });
      },
    ],
  ];
  const total = further.reduce((sum, [weight]) => sum + weight, 0);
  for (let n = 0; n < size.events; n += 1) {
    let roll = below(total);
    const [, happens] = further.find(([weight]) => {
      roll -= weight;
      return roll < 0;
    }) as (typeof further)[number];
    happens(setUp + below(size.events));
  }
  return sent.sort((a, b) => ((a.event.occurred_at as string) < (b.event.occurred_at as string) ? -1 : 1));
};
