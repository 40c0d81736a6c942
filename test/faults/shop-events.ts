import { reviewId } from '../../src/review-id.ts';
import type { Random } from '../support/random-shop.ts';
import type { SentEvent } from './event-log.ts';

/** An event with what it says, and the route that takes it alone. */
export interface ShopEvent extends SentEvent {
  type: string;
  fields: Record<string, unknown>;
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** The fields that the path has. */
  inPath: readonly string[];
  /** Whether the route also takes an array. */
  many: boolean;
}

const begin = Date.parse('2026-01-01T00:00:00Z');

/**
 * The events of a shop of its own, all kinds mixed, following from `random`. Every event leaves its id or its time in the
 * rows it writes, so that a row tells whose effect it is. Times are all different and rise.
 */
export const createShop = (random: Random, { products: count = 40, users: people = 200 } = {}) => {
  const { below, chance, pick, uuid } = random;
  const products = Array.from({ length: count }, uuid);
  const buyers = Array.from({ length: people }, uuid);
  // Apart: what somebody buys leaves the cart.
  const shoppers = Array.from({ length: Math.ceil(people / 4) }, uuid);
  const sessions = Array.from({ length: people }, uuid);
  const reviewed = Array.from({ length: Math.ceil(count / 2) }, () => ({
    user_id: uuid(),
    product_id: pick(products),
  }));
  let second = 0;

  const happen = (
    type: string,
    fields: Record<string, unknown>,
    about: {
      key: string;
      method: ShopEvent['method'];
      path: string;
      inPath?: readonly string[];
      op?: string;
      parts?: number;
    },
  ): ShopEvent => {
    second += 1;
    const event_id = uuid();
    return {
      ...{ event_id, type, kind: type, at: new Date(begin + second * 1_000).toISOString(), fields },
      ...{ op: 'put', parts: 1, planted: false, inPath: [], many: about.method === 'POST', ...about },
    };
  };

  const product = (product_id: string, op: 'put' | 'patch' = 'patch'): ShopEvent => {
    const event = happen(
      'product',
      {
        product_id,
        ...(op === 'put' && { name: `Thing ${below(1_000)} of ${below(1_000)}` }),
        price: `${below(900)}.50`,
      },
      {
        ...{ key: product_id, op, inPath: ['product_id'], path: `/v1/products/${product_id}` },
        method: op === 'put' ? 'PUT' : 'PATCH',
      },
    );
    event.fields.metadata_json = { event: event.event_id };
    return event;
  };
  const review = (of: { user_id: string; product_id: string }): ShopEvent => {
    const event = happen(
      'review',
      { ...of, rating: 1 + below(5) },
      { key: `${of.user_id}:${of.product_id}`, method: 'POST', path: '/v1/reviews' },
    );
    event.fields.title = event.event_id;
    return event;
  };
  const interaction = (of: { product_id?: string; user_id?: string } = {}): ShopEvent => {
    const event = happen(
      'interaction',
      {
        user_id: of.user_id ?? pick(buyers),
        product_id: of.product_id ?? pick(products),
        event_type: pick(['view', 'view', 'click', 'add_to_cart']),
        ...(chance(0.3) && { session_id: pick(sessions) }),
      },
      { key: '', method: 'POST', path: '/v1/interactions' },
    );
    event.fields.device = { event: event.event_id };
    return event;
  };
  const purchase = (): ShopEvent => {
    const items = Array.from({ length: 1 + below(3) }, () => ({
      ...{ product_id: pick(products), quantity: 1 + below(3), unit_price: `${below(500)}.25` },
    }));
    // Some buy what they review.
    const user_id = chance(0.3) ? pick(reviewed).user_id : pick(buyers);
    const event = happen(
      'purchase',
      { user_id, items },
      { key: '', parts: items.length, method: 'POST', path: '/v1/purchases' },
    );
    event.fields.order_id = event.event_id;
    return event;
  };
  /** A row that is there or not, such as a cart line. */
  const line = (type: 'cart' | 'wishlist' | 'vote'): ShopEvent => {
    const user_id = pick(shoppers);
    const op = chance(0.3) ? 'delete' : 'put';
    const method = op === 'put' ? 'PUT' : 'DELETE';
    if (type === 'vote') {
      const { user_id: author, product_id } = pick(reviewed);
      const review_id = reviewId(author, product_id);
      const path = `/v1/reviews/${review_id}/votes/${user_id}`;
      return happen(
        type,
        { review_id, user_id },
        { key: `${review_id}:${user_id}`, op, method, path, inPath: ['review_id', 'user_id'] },
      );
    }
    const product_id = pick(products);
    return happen(
      type,
      { user_id, product_id, ...(type === 'cart' && op === 'put' && { quantity: 1 + below(9) }) },
      {
        ...{ key: `${user_id}:${product_id}`, op, method, inPath: ['user_id', 'product_id'] },
        path: `/v1/users/${user_id}/${type}/${product_id}`,
      },
    );
  };
  const user = (): ShopEvent => {
    const user_id = pick(buyers);
    const event = happen(
      'user',
      { user_id },
      { key: user_id, method: 'PUT', path: `/v1/users/${user_id}`, inPath: ['user_id'] },
    );
    event.fields.profile = { event: event.event_id };
    return event;
  };
  const session = (): ShopEvent => {
    const session_id = pick(sessions);
    const event = happen(
      'session',
      { session_id },
      { key: session_id, method: 'PUT', path: `/v1/sessions/${session_id}`, inPath: ['session_id'] },
    );
    event.fields.context = { event: event.event_id };
    return event;
  };
  /** The door takes it, and it names what will never be there. */
  const poison = (): ShopEvent => ({ ...interaction({ product_id: uuid() }), planted: true });

  const kinds: readonly [weight: number, make: () => ShopEvent][] = [
    [700, interaction],
    [60, purchase],
    [60, () => review(pick(reviewed))],
    [50, () => line('vote')],
    [40, () => product(pick(products))],
    [40, () => line('cart')],
    [20, () => line('wishlist')],
    [15, user],
    [15, session],
  ];
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
  return {
    ...{ products, buyers, reviewed, interaction, product, purchase, review, poison },
    /** Another text, which wants another vector. */
    rewrite(): ShopEvent {
      const event = product(pick(products));
      event.fields.name = `Thing ${below(1_000)} of ${below(1_000)}, again`;
      return event;
    },
    /** What has to be there before the rest: every product, and the reviews that are voted for. */
    opening: (): ShopEvent[] => [...products.map((id) => product(id, 'put')), ...reviewed.map(review)],
    /** Whatever happens next; one in a thousand is poison. */
    next(): ShopEvent {
      if (chance(0.001)) return poison();
      let roll = below(total);
      for (const [weight, make] of kinds) {
        roll -= weight;
        if (roll < 0) return make();
      }
      return interaction();
    },
  };
};

export type Shop = ReturnType<typeof createShop>;

/** The event as a line of `POST /v1/events`. */
export const lineOf = ({ type, op, fields, event_id, at }: ShopEvent): Record<string, unknown> => ({
  ...{ type, ...(op === 'put' ? {} : { op }), event_id, occurred_at: at, ...fields },
});

/** The event as the request that sends it alone. */
export const requestOf = ({ method, path, inPath, fields, event_id, at, type, op }: ShopEvent) => {
  const own = Object.fromEntries(Object.entries(fields).filter(([name]) => !inPath.includes(name)));
  const hasBody = method !== 'DELETE' && !(op === 'put' && (type === 'vote' || type === 'wishlist'));
  return {
    method,
    path: hasBody ? path : `${path}?event_id=${event_id}&occurred_at=${encodeURIComponent(at)}`,
    body: hasBody ? { event_id, occurred_at: at, ...own } : undefined,
  };
};
