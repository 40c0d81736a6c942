import { z } from 'zod';
import type { Db } from '../db/database.ts';
import { listHistory } from '../db/interactions.ts';
import type { OwnLines, Page } from '../db/own-lines.ts';
import { findUser, listCart, listPurchases, listWishlist } from '../db/person-reads.ts';
import { instant, uuid } from '../fields.ts';
import { cursor, limit } from './cursor.ts';
import { cutPage, pageOf } from './lists.ts';
import { Problem } from './problem.ts';
import { defineRoute, type Route } from './route.ts';

const time = z.iso.datetime();
const amount = z.string().meta({ description: 'Exact decimal.' });
const noUser = { description: 'There is no such user.' };
const ofThePerson =
  'The id of a visitor who was merged into a person stands for the person, here as in events; `user_id` of the answer says whose data these are.';

/** `GET /v1/users/:user_id` */
export const getUser = defineRoute({
  method: 'get',
  path: '/v1/users/:user_id',
  scope: 'read',
  summary: 'What is known of a user.',
  description: ofThePerson,
  params: z.object({ user_id: uuid }),
  responses: {
    200: {
      description: 'The user. Never the password hash.',
      schema: z
        .object({
          user_id: z.uuid(),
          email: z.string().nullable(),
          username: z.string().nullable(),
          profile: z.record(z.string(), z.unknown()).nullable(),
          is_anonymous: z.boolean(),
          is_active: z.boolean(),
          created_at: time,
          last_seen_at: time.nullable(),
        })
        .meta({ id: 'User' }),
    },
    404: noUser,
  },
  async handler({ params: { user_id } }, { db }) {
    const found = await findUser(db, user_id);
    if (!found) throw new Problem(404, noUser.description);
    return { json: found };
  },
});

/** A list of a person's own, newest first: the routes differ in what a line is and by which time it is sorted. */
const ownList = <Line extends object>({
  name,
  summary,
  item,
  list,
  timeOf,
}: {
  name: string;
  summary: string;
  item: z.ZodType;
  list: (db: Db, page: Page) => Promise<OwnLines<Line>>;
  timeOf: (line: Line) => string;
}): Route =>
  defineRoute({
    method: 'get',
    path: `/v1/users/:user_id/${name}`,
    scope: 'read',
    summary,
    description: ofThePerson,
    params: z.object({ user_id: uuid }),
    query: z.strictObject({
      limit: limit(100, 20),
      cursor: cursor(z.tuple([instant, z.int().nonnegative()])).optional(),
    }),
    responses: {
      200: { description: 'A page.', schema: pageOf(item).extend({ user_id: z.uuid() }) },
      404: noUser,
    },
    async handler({ params: { user_id }, query: { limit: size, cursor: position } }, { db }) {
      const after = position && { at: position[0], id: position[1] };
      const found = await list(db, { userId: user_id, after, limit: size + 1 });
      if (!found) throw new Problem(404, noUser.description);
      const { page, next_cursor } = cutPage(found.lines, size, (line) => [timeOf(line), line.id]);
      return {
        json: { user_id: found.user_id, items: page.map(({ id: _, ...line }) => line), next_cursor },
      };
    },
  });

/** `GET /v1/users/:user_id/history` */
export const getHistory = ownList({
  name: 'history',
  summary: "A user's interactions, newest first.",
  item: z.object({
    product_id: z.uuid(),
    session_id: z.uuid().nullable(),
    event_type: z.string(),
    event_value: amount.nullable(),
    platform: z.string().nullable(),
    device: z.record(z.string(), z.unknown()).nullable(),
    created_at: time,
  }),
  list: listHistory,
  timeOf: ({ created_at }) => created_at,
});

/** `GET /v1/users/:user_id/cart` */
export const getCart = ownList({
  name: 'cart',
  summary: "A user's cart lines, the newest first.",
  item: z.object({ product_id: z.uuid(), quantity: z.int(), added_at: time, updated_at: time }),
  list: listCart,
  timeOf: ({ added_at }) => added_at,
});

/** `GET /v1/users/:user_id/wishlist` */
export const getWishlist = ownList({
  name: 'wishlist',
  summary: "A user's wishlist lines, the newest first.",
  item: z.object({ product_id: z.uuid(), added_at: time }),
  list: listWishlist,
  timeOf: ({ added_at }) => added_at,
});

/** `GET /v1/users/:user_id/purchases` */
export const getPurchases = ownList({
  name: 'purchases',
  summary: 'What a user bought, a line per item of an order, the newest first.',
  item: z.object({
    order_id: z.uuid().nullable(),
    product_id: z.uuid(),
    quantity: z.int(),
    unit_price: amount,
    total_price: amount,
    payment_method: z.string().nullable(),
    payment_status: z.string().nullable(),
    purchased_at: time,
  }),
  list: listPurchases,
  timeOf: ({ purchased_at }) => purchased_at,
});
