import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { recordPurchases } from '../../jobs/record-purchases.ts';
import { updateCart } from '../../jobs/update-cart.ts';
import { upsertReviews } from '../../jobs/upsert-reviews.ts';
import type { StoredEvent } from '../queue/define-job.ts';
import { reviewId } from '../review-id.ts';
import { arrival, createDoor } from './door.ts';
import { eventIds, idempotencyKey } from './event-id.ts';
import { admitAll, intakeRoute } from './intake.ts';
import { Problem } from './problem.ts';
import type { ApiParts, Route } from './route.ts';

const door = createDoor(recordInteractions, 'put');
const seal = (secret: string) => secret;
const event = (fields: Record<string, unknown> = {}) => ({
  user_id: uuidv7(),
  product_id: uuidv7(),
  event_type: 'view',
  ...fields,
});
const problemsOf = (body: unknown, at = arrival(eventIds('shop', undefined), seal)) => {
  try {
    admitAll(door, body, at);
  } catch (error) {
    if (error instanceof Problem) return error.extras.errors?.map(({ path }) => path);
    throw error;
  }
  return undefined;
};

test('the same app, key and position give the same id, anything else another', () => {
  const ids = new Set([
    eventIds('shop', 'k')(0),
    eventIds('shop', 'k')(1),
    eventIds('shop', 'k2')(0),
    eventIds('shop2', 'k')(0),
    // Written next to each other these would be the same.
    eventIds('shop,"k', '1')(0),
    eventIds('shop', 'k","1')(0),
  ]);
  expect(ids.size).toBe(6);
  expect(eventIds('shop', 'k')(1)).toBe(eventIds('shop', 'k')(1));
  expect(eventIds('shop', undefined)(0)).not.toBe(eventIds('shop', undefined)(0));
  // Kept for ever: callers repeat requests across our releases.
  expect(eventIds('shop', 'k')(0)).toBe('f98fe72a-5b9e-560e-bba3-3c2ccd91c01d');
  expect(idempotencyKey.safeParse('').success).toBe(false);
  expect(idempotencyKey.safeParse('x'.repeat(256)).success).toBe(false);
  expect(idempotencyKey.safeParse('é').success).toBe(false);
});

test("a caller's own event_id stands, in lower case; others get one each", () => {
  const own = uuidv7();
  const [first, second] = admitAll(
    door,
    [event({ event_id: own.toUpperCase() }), event()],
    arrival(eventIds('shop', 'k'), seal),
  );
  expect(first?.event_id).toBe(own);
  expect(second?.event_id).toBe(eventIds('shop', 'k')(1));
});

test('every bad field of every event is named, and the list is cut at a hundred', () => {
  const body = [event(), event({ user_id: 'x', event_type: 'Y' }), event({ rating: 5, device: { a: '\0' } })];
  expect(problemsOf(body)).toEqual(['/1/user_id', '/1/event_type', '/2/device', '/2/rating']);
  expect(problemsOf(Array.from({ length: 1_000 }, () => ({})))).toHaveLength(100);
  expect(problemsOf([])).toEqual(['']);
  expect(problemsOf(Array.from({ length: 1_001 }, () => event()))).toEqual(['']);
  for (const body of [null, 7, 'x', [[]], undefined]) expect(problemsOf(body)).toHaveLength(1);
});

test('a value whose length is no length is of the wrong type, wherever it stands', () => {
  const length = { toString: 1 };
  expect(problemsOf(event({ platform: { length } }))).toEqual(['/platform']);
  expect(problemsOf([event(), event({ user_id: { length }, platform: { length } })])).toEqual([
    '/1/user_id',
    '/1/platform',
  ]);
  expect(problemsOf({ length })).toContain('/user_id');
  // What an app keeps for itself may look like anything.
  expect(problemsOf(event({ device: { length } }))).toBeUndefined();
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(problemsOf(event({ platform: { length, deep: JSON.parse(deep) } }))).toEqual(['/platform']);
});

test('a time more than five minutes ahead is refused to the microsecond, whichever field tells it', () => {
  const now = Date.parse('2026-03-01T10:00:00.500Z');
  const at = arrival(eventIds('shop', undefined), seal, now);
  expect(problemsOf(event({ occurred_at: '2026-03-01T10:05:00.500Z' }), at)).toBeUndefined();
  expect(problemsOf(event({ occurred_at: '2026-03-01T15:35:00.5+05:30' }), at)).toBeUndefined();
  expect(problemsOf(event({ occurred_at: '2026-03-01T10:05:00.500001Z' }), at)).toEqual(['/occurred_at']);
  expect(problemsOf([event(), event({ created_at: '2027-01-01T00:00:00Z' })], at)).toEqual(['/1/created_at']);
});

test('keys that name the prototype are unknown fields and pollute nothing', () => {
  const body = JSON.parse(
    `{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},${JSON.stringify(event()).slice(1)}`,
  );
  expect(problemsOf(body)).toEqual(['/__proto__', '/constructor']);
  expect(({} as { x?: number }).x).toBeUndefined();
});

/** Call a route as Express would, after its key and schemas; the events it hands over come back. */
const handedOver = async (route: ReturnType<typeof intakeRoute>, call: Record<string, unknown>) => {
  const taken: StoredEvent[] = [];
  const parts = {
    intake: {
      async take(_: unknown, events: readonly StoredEvent[]) {
        taken.push(...events);
      },
    },
    sealer: { seal },
  } as unknown as ApiParts;
  const http = { request: {} as Request, response: {} as Response, app: 'shop', isAdmin: false };
  const answer = await route.handle(
    { params: undefined, query: undefined, headers: {}, body: undefined, ...http, ...call },
    parts,
  );
  return { answer, taken };
};

test('path parameters become fields of the event, and cannot be in the body too', async () => {
  const route = intakeRoute(updateCart, {
    method: 'put',
    path: '/v1/users/:user_id/cart/:product_id',
    summary: 'x',
    body: 'one',
  });
  const params = { user_id: uuidv7(), product_id: uuidv7() };
  const { answer, taken } = await handedOver(route, { params, body: { quantity: 2 } });
  expect(taken).toMatchObject([{ ...params, quantity: 2, op: 'put' }]);
  expect(answer).toMatchObject({ status: 202, json: { accepted: 1, event_ids: [taken[0]?.event_id] } });
  expect(Object.keys(route.params?.shape ?? {})).toEqual(['user_id', 'product_id']);
  for (const body of [
    { quantity: 1, user_id: params.user_id },
    { quantity: 1, op: 'delete' },
    [{ quantity: 1 }],
    {},
  ]) {
    await expect(handedOver(route, { params, body })).rejects.toThrow(Problem);
  }
});

test('a route without a body takes the id and the time from the query', async () => {
  const route = intakeRoute(updateCart, {
    method: 'delete',
    path: '/v1/users/:user_id/cart/:product_id',
    summary: 'x',
    op: 'delete',
    body: 'none',
  });
  const params = { user_id: uuidv7(), product_id: uuidv7() };
  const query = { event_id: uuidv7(), occurred_at: '2026-01-01T00:00:00Z' };
  const { taken } = await handedOver(route, { params, query });
  expect(taken).toMatchObject([
    { ...params, event_id: query.event_id, op: 'delete', occurred_at: '2026-01-01T00:00:00.000000Z' },
  ]);
  expect(route.body).toBeUndefined();
  expect(Object.keys(route.query?.shape ?? {})).toEqual(['event_id', 'occurred_at']);
});

test('what follows from an event is filled in once and told: the order, the review', async () => {
  const [order, review] = [recordPurchases, upsertReviews].map((job) =>
    intakeRoute(job, { method: 'post', path: '/v1/x', summary: 'x', body: 'many' }),
  ) as [Route, Route];
  const user_id = uuidv7();
  const product_id = uuidv7();
  const bought = await handedOver(order, { body: { user_id, items: [{ product_id, unit_price: 1.5 }] } });
  expect(bought.taken).toMatchObject([
    { order_id: bought.taken[0]?.event_id, items: [{ product_id, quantity: 1, unit_price: '1.5' }] },
  ]);
  expect(bought.answer.json).toMatchObject({ order_ids: [bought.taken[0]?.event_id] });
  const wrote = await handedOver(review, { body: [{ user_id, product_id, rating: 5 }] });
  expect(wrote.answer.json).toMatchObject({ review_ids: [reviewId(user_id, product_id)] });
});
