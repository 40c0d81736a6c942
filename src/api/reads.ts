import { z } from 'zod';
import { findEventState } from '../db/events.ts';
import { listHistory } from '../db/interactions.ts';
import { userExists } from '../db/users.ts';
import { instant, uuid } from '../fields.ts';
import { cursor, encodeCursor, limit } from './cursor.ts';
import { Problem } from './problem.ts';
import { defineRoute } from './route.ts';

/** `GET /v1/events/:event_id` */
export const getEvent = defineRoute({
  method: 'get',
  path: '/v1/events/:event_id',
  scope: 'read',
  summary: 'What became of an event.',
  params: z.object({ event_id: uuid }),
  responses: {
    200: {
      description: '`pending`: not applied yet, or never seen.',
      schema: z
        .object({
          event_id: z.uuid(),
          state: z.enum(['applied', 'waiting', 'failed', 'refused', 'pending']),
          reason: z.string().optional(),
          detail: z.string().optional(),
          conflicts: z
            .int()
            .optional()
            .meta({ description: 'How often the id came again with another payload; the first stands.' }),
        })
        .meta({ id: 'EventState' }),
    },
  },
  async handler({ params: { event_id } }, { db }) {
    const found = await findEventState(db, event_id);
    if (!found) return { json: { event_id, state: 'pending' } };
    const { state, reason, detail, conflicts } = found;
    return {
      json: {
        event_id,
        state,
        ...(reason !== null && { reason }),
        ...(detail !== null && { detail }),
        ...(conflicts > 0 && { conflicts }),
      },
    };
  },
});

const historyItem = z.object({
  product_id: z.uuid(),
  session_id: z.uuid().nullable(),
  event_type: z.string(),
  event_value: z.string().nullable().meta({ description: 'Exact decimal.' }),
  platform: z.string().nullable(),
  device: z.record(z.string(), z.unknown()).nullable(),
  created_at: z.iso.datetime(),
});

/** `GET /v1/users/:user_id/history` */
export const getHistory = defineRoute({
  method: 'get',
  path: '/v1/users/:user_id/history',
  scope: 'read',
  summary: "A user's interactions, newest first.",
  params: z.object({ user_id: uuid }),
  query: z.strictObject({
    limit: limit(100, 20),
    cursor: cursor(z.tuple([instant, z.int().nonnegative()])).optional(),
  }),
  responses: {
    200: {
      description: 'A page. `next_cursor` is null on the last one.',
      schema: z.object({
        user_id: z.uuid(),
        items: z.array(historyItem),
        next_cursor: z.string().nullable(),
      }),
    },
    404: { description: 'There is no such user.' },
  },
  async handler({ params: { user_id }, query: { limit: size, cursor: position } }, { db }) {
    const before = position && { created_at: position[0], id: position[1] };
    // One more than asked for tells whether there is a next page.
    const rows = await listHistory(db, { userId: user_id, before, limit: size + 1 });
    if (rows.length === 0 && !before && !(await userExists(db, user_id))) {
      throw new Problem(404, 'There is no such user.');
    }
    const page = rows.slice(0, size);
    const last = rows.length > size ? page.at(-1) : undefined;
    return {
      json: {
        user_id,
        items: page.map(({ id: _, ...item }) => item),
        next_cursor: last ? encodeCursor([last.created_at, last.id]) : null,
      },
    };
  },
});
