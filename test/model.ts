import type { EventJob, StoredEvent } from '../src/queue/define-job.ts';
import { reviewId } from '../src/review-id.ts';

/** An event as the door hands it to the queue, with the job that carries it. */
export interface Sent {
  job: EventJob;
  event: StoredEvent;
}

/** Rows by table, each as JSON with its columns in the order of the model, sorted. */
export type Tables = Record<string, string[]>;

type Fields = Record<string, unknown>;

const productFields = [
  ...['sku', 'name', 'short_description', 'long_description', 'category_slug', 'tags', 'price', 'currency'],
  ...['brand', 'metadata_json', 'discount_percent'],
];
const imageFields = ['s3_key', 'cdn_url', 'width', 'height', 'format', 'variant', 'alt_text'];
const userFields = ['email', 'username', 'password_hash', 'profile', 'last_seen_at'];

const clockOf = ({ event }: Sent): string => `${event.occurred_at} ${event.event_id}`;

/** The value under a key, made when it is not there yet. */
const at = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
};

const rows = (values: Iterable<unknown[]>): string[] => [...values].map((row) => JSON.stringify(row)).sort();

/** What was written of something that can be deleted: the newest event, and since when it is there. */
interface Line {
  since: string;
  until: string;
  event: StoredEvent;
}

const put = (lines: Map<string, Line>, key: string, event: StoredEvent): void => {
  const time = event.occurred_at as string;
  lines.set(key, { since: lines.get(key)?.since ?? time, until: time, event });
};

interface Review {
  text?: Line;
  approved?: boolean;
  /** By voter, since when. */
  votes: Map<string, string>;
}

/**
 * What the tables hold once all these events had their effect: the contract, played through in the order of the events'
 * clocks, which is what any order of arrival has to lead to. Events that have to wait for ever must not be among them,
 * nor erasures.
 */
export const expectedTables = (sent: readonly Sent[], unseal: (text: string) => string): Tables => {
  const byId = new Map<string, Sent>();
  for (const one of sent) at(byId, one.event.event_id, () => one);
  const events = [...byId.values()].sort((a, b) => (clockOf(a) < clockOf(b) ? -1 : 1));

  const mergedInto = new Map<string, string>();
  for (const { job, event } of events) {
    if (job.name === 'merge-users') mergedInto.set(event.from_user_id as string, event.user_id as string);
  }
  const person = (id: unknown): string => {
    const next = mergedInto.get(id as string);
    return next === undefined ? (id as string) : person(next);
  };
  // Old and new ids of a review, to its author and product.
  const reviewed = new Map<string, string>();
  for (const { job, event } of events) {
    if (job.name !== 'upsert-reviews') continue;
    const product = event.product_id as string;
    for (const user of [event.user_id as string, person(event.user_id)]) {
      reviewed.set(reviewId(user, product), `${person(event.user_id)}:${product}`);
    }
  }

  const users = new Map<string, Fields>();
  const sessions = new Map<string, Fields & { heard: string }>();
  const products = new Map<string, Fields & { since?: string; until?: string }>();
  const categories = new Map<string, StoredEvent>();
  const images = new Map<string, Line & { asked?: string | undefined }>();
  const carts = new Map<string, Line>();
  const wishes = new Map<string, Line>();
  const reviews = new Map<string, Review>();
  const interactions: unknown[][] = [];
  const orders = new Map<string, { status: string; items: { event: StoredEvent; item: Fields }[] }>();

  const see = (id: unknown) => at(users, id as string, (): Fields => ({}));
  const hear = (id: unknown, event: StoredEvent) => {
    const time = event.occurred_at as string;
    const session = at(sessions, id as string, (): Fields & { heard: string } => ({ heard: time }));
    if (time < session.heard) session.heard = time;
    return session;
  };
  const review = (id: unknown) =>
    at(reviews, reviewed.get(id as string) as string, (): Review => ({ votes: new Map() }));
  const order = (id: unknown) => at(orders, id as string, () => ({ status: '', items: [] }));

  const play: Record<string, (event: StoredEvent) => void> = {
    'record-interactions': (event) => {
      see(event.user_id);
      if (event.session_id !== undefined) hear(event.session_id, event);
      const { product_id, session_id, event_type, event_value, platform, device, occurred_at } = event;
      const rest = [session_id, event_type, event_value, platform, device].map((value) => value ?? null);
      interactions.push([person(event.user_id), product_id, ...rest, occurred_at]);
    },
    'record-purchases': (event) => {
      see(event.user_id);
      const bought = order(event.order_id);
      bought.status = (event.payment_status as string | undefined) ?? 'completed';
      for (const item of event.items as Fields[]) {
        bought.items.push({ event, item });
        carts.delete(`${person(event.user_id)}:${item.product_id}`);
      }
    },
    'change-payment-status': (event) => {
      order(event.order_id).status = event.payment_status as string;
    },
    'upsert-reviews': (event) => {
      see(event.user_id);
      const target = review(reviewId(event.user_id as string, event.product_id as string));
      const time = event.occurred_at as string;
      target.text = { since: target.text?.since ?? time, until: time, event };
    },
    'delete-review': (event) => {
      reviews.delete(reviewed.get(event.review_id as string) as string);
    },
    'moderate-review': (event) => {
      review(event.review_id).approved = event.is_approved as boolean;
    },
    'cast-votes': (event) => {
      see(event.user_id);
      const { votes } = review(event.review_id);
      const voter = person(event.user_id);
      if (event.op === 'delete') votes.delete(voter);
      else at(votes, voter, () => event.occurred_at as string);
    },
    'upsert-products': (event) => {
      const product = at(
        products,
        event.product_id as string,
        (): Fields & { since?: string; until?: string } => ({}),
      );
      const given: Fields = event.op === 'delete' ? { available: false } : event;
      if (event.op === 'put') {
        for (const field of productFields) product[field] = null;
        product.since ??= event.occurred_at as string;
      }
      for (const field of [...productFields, 'available']) {
        if (field in given) product[field] = given[field];
      }
      product.until = event.occurred_at as string;
    },
    'upsert-categories': (event) => categories.set(event.slug as string, event),
    'upsert-images': (event) => {
      const id = event.image_id as string;
      if (event.op === 'delete') images.delete(id);
      else {
        put(images, id, event);
        const asked = event.is_primary === true ? `${event.occurred_at} ${event.event_id}` : undefined;
        images.set(id, { ...(images.get(id) as Line), asked });
      }
    },
    'upsert-users': (event) => {
      const user = see(event.user_id);
      for (const field of [...userFields, 'is_anonymous', 'is_active']) {
        if (field in event) user[field] = event[field];
      }
    },
    'merge-users': (event) => {
      see(event.user_id);
      see(event.from_user_id);
    },
    'upsert-sessions': (event) => {
      if (event.user_id !== undefined) see(event.user_id);
      const session = hear(event.session_id, event);
      for (const field of ['user_id', 'started_at', 'ended_at', 'context']) {
        if (field in event) session[field] = event[field];
      }
    },
    'update-cart': (event) => {
      see(event.user_id);
      const key = `${person(event.user_id)}:${event.product_id}`;
      if (event.op === 'delete') carts.delete(key);
      else put(carts, key, event);
    },
    'update-wishlist': (event) => {
      see(event.user_id);
      const key = `${person(event.user_id)}:${event.product_id}`;
      if (event.op === 'delete') wishes.delete(key);
      else put(wishes, key, event);
    },
  };
  for (const { job, event } of events) play[job.name]?.(event);
  for (const id of [...users.keys()]) see(person(id));

  const money = (value: unknown) => (value == null ? null : Number(value).toFixed(2));
  const bought = new Set<string>();
  const purchases: unknown[][] = [];
  for (const [orderId, { status, items }] of orders) {
    for (const { event, item } of items) {
      const user = person(event.user_id);
      if (status === 'completed') bought.add(`${user}:${item.product_id}`);
      const cents = BigInt((item.unit_price as string).replace('.', '')) * BigInt(item.quantity as number);
      const total = `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;
      const line = [item.product_id, item.quantity, item.unit_price, total];
      purchases.push([user, ...line, orderId, event.occurred_at, event.payment_method ?? null, status]);
    }
  }

  const ratings = new Map<string, number[]>();
  const reviewRows: unknown[][] = [];
  const voteRows: unknown[][] = [];
  for (const [key, { text, approved = true, votes }] of reviews) {
    if (!text) continue;
    const [author = '', product = ''] = key.split(':');
    const id = reviewId(author, product);
    const { rating, title, comment } = text.event;
    const counted = [...votes].filter(([voter]) => voter !== author);
    for (const [voter, since] of counted) voteRows.push([id, voter, since]);
    if (approved) at(ratings, product, () => []).push(rating as number);
    const words = [rating, title ?? null, comment ?? null];
    const found = [bought.has(key), counted.length, approved];
    reviewRows.push([id, author, product, ...words, ...found, text.since, text.until]);
  }
  const ratingOf = (product: string): string => {
    const given = ratings.get(product);
    if (!given) return '0.0';
    const sum = given.reduce((total, one) => total + one, 0);
    return (Math.floor((sum * 20 + given.length) / (2 * given.length)) / 10).toFixed(1);
  };

  const primary = new Map<unknown, { id: string; asked: string }>();
  for (const [id, { event, asked }] of images) {
    if (asked !== undefined && asked > (primary.get(event.product_id)?.asked ?? '')) {
      primary.set(event.product_id, { id, asked });
    }
  }
  const lineOf = ([key, { since }]: [string, Line]) => [...key.split(':'), since];

  return {
    users: rows(
      [...users].map(([id, user]) => [
        id,
        user.email ?? null,
        user.username ?? null,
        user.password_hash == null ? null : unseal(user.password_hash as string),
        user.profile ?? null,
        user.last_seen_at ?? null,
        user.is_anonymous ?? (user.email ?? user.username ?? null) === null,
        !mergedInto.has(id) && (user.is_active ?? true),
      ]),
    ),
    sessions: rows(
      [...sessions].map(([id, session]) => [
        id,
        session.user_id === undefined ? null : person(session.user_id),
        session.started_at ?? session.heard,
        session.ended_at ?? null,
        session.context ?? null,
      ]),
    ),
    categories: rows(
      [...categories.values()].map(({ slug, name, parent_slug }) => [slug, name, parent_slug ?? null]),
    ),
    products: rows(
      [...products]
        .filter(([, { since }]) => since !== undefined)
        .map(([id, product]) => [
          id,
          ...productFields.map((field) =>
            field === 'price'
              ? money(product.price)
              : field === 'discount_percent'
                ? money(product.discount_percent ?? 0)
                : (product[field] ?? null),
          ),
          product.available ?? true,
          ratingOf(id),
          product.since,
          product.until,
        ]),
    ),
    product_images: rows(
      [...images].map(([id, { event, since }]) => [
        id,
        event.product_id,
        ...imageFields.map((field) => event[field] ?? null),
        primary.get(event.product_id)?.id === id,
        since,
      ]),
    ),
    interactions: rows(interactions),
    purchase_history: rows(purchases),
    user_cart: rows([...carts].map((entry) => [...lineOf(entry), entry[1].until, entry[1].event.quantity])),
    user_wishlist: rows([...wishes].map(lineOf)),
    reviews: rows(reviewRows),
    review_helpful_votes: rows(voteRows),
  };
};

/**
 * How popular products are by these tables: the logarithm of the weighted events, each counting half as much for every
 * `halfLife` days it is older than the beginning of 2020.
 */
export const expectedPopularity = (
  tables: Tables,
  weights: Readonly<Record<string, number>>,
  halfLife: number,
): Map<string, number> => {
  const parse = (table: string): string[][] =>
    (tables[table] ?? []).map((row) => JSON.parse(row) as string[]);
  const events = [
    ...parse('interactions').map(([, product, , type, , , , time]) => ({ product, type, time })),
    ...parse('purchase_history')
      .filter((row) => row.at(-1) === 'completed')
      .map((row) => ({ product: row[1], type: 'purchase', time: row[6] })),
  ];
  const origin = Date.parse('2026-01-01T00:00:00Z');
  const days = (origin - Date.parse('2020-01-01T00:00:00Z')) / 86_400_000;
  const sums = new Map<string, number>();
  for (const { product = '', type = '', time = '' } of events) {
    const weight = weights[type] ?? 0;
    if (weight === 0) continue;
    const age = (Date.parse(time) - origin) / 86_400_000;
    sums.set(product, (sums.get(product) ?? 0) + weight * 2 ** (age / halfLife));
  }
  return new Map([...sums].map(([product, sum]) => [product, Math.log(sum) + (days / halfLife) * Math.LN2]));
};
