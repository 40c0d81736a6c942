import { z } from 'zod';
import { findEventState } from '../db/events.ts';
import { uuid } from '../fields.ts';
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
