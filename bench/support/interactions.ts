import type { Redis } from 'ioredis';
import type { Db } from '../../src/db/database.ts';
import { createRandom } from '../../src/demo/random.ts';
import { requestOf } from './http.ts';
import { skewed } from './large-shop.ts';

/** What is in an interaction of the intake benchmarks: as a shop's app sends it, without an id of its own. */
export interface Interaction {
  user_id: string;
  product_id: string;
  session_id: string;
  event_type: string;
  platform: string;
}

/** Users, sessions and products to which interactions can be written without making any. */
export const fillPeople = async (
  db: Db,
  { users, products }: { users: number; products: number },
): Promise<void> => {
  await db`
    insert into products (product_id, name, available, price)
    select gen_random_uuid(), 'Product ' || n, true, n from generate_series(1, ${products}) as n`;
  await db`
    insert into users (user_id, is_anonymous, is_active)
    select gen_random_uuid(), false, true from generate_series(1, ${users})`;
  await db`
    insert into sessions (session_id, user_id, started_at)
    select gen_random_uuid(), user_id, now() - interval '1 hour' from users`;
  await db`truncate dirty_keys, dirty_sets`;
  await db`vacuum analyze`;
};

/** People who are in the shop at the same time; a visit has twenty events on average. */
const atOnce = 200;
const visitEvents = 20;

/**
 * So many interactions of people and products that are there, the same in every run but for their ids: some hundred people
 * in the shop at a time, some products far more popular than others.
 */
export const drawInteractions = async (db: Db, count: number): Promise<Interaction[]> => {
  const random = createRandom(7, 'interactions');
  const people = await db<{ user_id: string; session_id: string }>`
    select user_id, session_id from sessions where user_id is not null order by user_id`;
  const products = await db<{ id: string }>`select product_id as id from products order by product_id`;
  const visits = Array.from({ length: atOnce }, () => random.pick(people));
  return Array.from({ length: count }, () => {
    const visit = random.int(0, atOnce - 1);
    const { user_id, session_id } = visits[visit] as (typeof visits)[number];
    if (random.chance(1 / visitEvents)) visits[visit] = random.pick(people);
    return {
      ...{ user_id, session_id },
      product_id: (products[skewed(random.next(), products.length)] as { id: string }).id,
      event_type: random.chance(0.8) ? 'view' : random.pick(['click', 'add_to_cart', 'wishlist', 'purchase']),
      platform: random.pick(['web', 'ios', 'android']),
    };
  });
};

/** What every request says of itself. */
export const headersOf = (key: string, type?: string): Record<string, string> => ({
  Authorization: `Bearer ${key}`,
  ...(type !== undefined && { 'Content-Type': type }),
});

/** How events go into a request. */
export type Shape = 'single' | 'array' | 'ndjson';

/** The requests that carry these events, so many in each. */
export const requestsOf = (
  events: readonly Interaction[],
  { shape, perRequest, key }: { shape: Shape; perRequest: number; key: string },
): Buffer[] =>
  Array.from({ length: Math.floor(events.length / perRequest) }, (_, at) => {
    const part = events.slice(at * perRequest, (at + 1) * perRequest);
    const lines = shape === 'ndjson';
    const body = lines
      ? part.map((event) => `${JSON.stringify({ type: 'interaction', ...event })}\n`).join('')
      : JSON.stringify(shape === 'single' ? part[0] : part);
    return requestOf(
      'POST',
      lines ? '/v1/events' : '/v1/interactions',
      headersOf(key, lines ? 'application/x-ndjson' : 'application/json'),
      body,
    );
  });

/** The next of them, over and over. */
export const cycle = <T>(values: readonly T[]): (() => T) => {
  let at = 0;
  return () => values[at++ % values.length] as T;
};

/** Forget the jobs of a queue, whatever they are, so that a full one slows nobody down. */
export const emptyQueue = async (redis: Redis, pattern: string): Promise<void> => {
  for await (const keys of redis.scanStream({ match: pattern, count: 1_000 }))
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
};
