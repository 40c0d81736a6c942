import { z } from 'zod';
import { countAudit, listAudit } from '../db/audit.ts';
import { instant, text } from '../fields.ts';
import { cursor, limit } from './cursor.ts';
import { cutPage, pageOf } from './lists.ts';
import { defineRoute } from './route.ts';

const severity = z.enum(['info', 'warning', 'error']);

/** `GET /v1/admin/audit` */
export const getAudit = defineRoute({
  method: 'get',
  path: '/v1/admin/audit',
  scope: 'admin',
  summary: 'What operators must be able to answer for, newest first.',
  description:
    'Components: `events` (parked, replayed), `reviews` (moderation), `users` (merges, erasures), `keys` (made, revoked, refused: once a minute and process, with counts), `process` (start, stop), `config` (changed settings), `reconcile`, `retention`.',
  query: z.strictObject({
    component: text(100).optional(),
    severity: severity.optional(),
    since: instant.optional().meta({ description: 'From this time on.' }),
    until: instant.optional().meta({ description: 'Before this time.' }),
    limit: limit(100, 20),
    cursor: cursor(z.tuple([instant, z.int().nonnegative()])).optional(),
  }),
  responses: {
    200: {
      description: 'A page, and how many entries the filter has in all.',
      schema: pageOf(
        z.object({
          id: z.int(),
          component: z.string(),
          severity,
          message: z.string(),
          payload: z.unknown(),
          created_at: z.iso.datetime(),
        }),
      ).extend({
        counts: z.array(z.object({ component: z.string(), severity, entries: z.int() })),
      }),
    },
  },
  async handler({ query: { limit: size, cursor: position, ...filter } }, { db }) {
    const before = position && { created_at: position[0], id: position[1] };
    const [rows, counts] = await Promise.all([
      listAudit(db, { ...filter, before, limit: size + 1 }),
      countAudit(db, filter),
    ]);
    const { page, next_cursor } = cutPage(rows, size, ({ created_at, id }) => [created_at, id]);
    return { json: { items: page, next_cursor, counts } };
  },
});
