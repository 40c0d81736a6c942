import { z } from 'zod';
import { countDirty } from '../db/dirty-keys.ts';
import { findModelStatus } from '../db/models.ts';
import { countParked, listParked, listReleasable } from '../db/parked-events.ts';
import { findServingIndex } from '../db/vector-indexes.ts';
import { OutageError } from '../errors.ts';
import { instant, text, uuid } from '../fields.ts';
import { maskPersonal } from '../personal.ts';
import { cursor, encodeCursor, limit } from './cursor.ts';
import { queueFigures } from './queue-figures.ts';
import { defineRoute } from './route.ts';

const states = z.enum(['waiting', 'failed', 'refused']);

/** `GET /v1/admin/status` */
export const getStatus = defineRoute({
  method: 'get',
  path: '/v1/admin/status',
  scope: 'admin',
  summary: 'What the system is doing.',
  responses: {
    200: {
      description:
        '`idle`: no job waits, runs or is put off, nothing is stale, no model is being trained or due, and no waiting event could be applied already. `index` and `model` are null while there is none.',
      schema: z.object({
        idle: z.boolean(),
        training: z.boolean(),
        training_due: z.boolean().meta({
          description:
            'Signals have grown by a fifth since the last training; the next one begins in a moment.',
        }),
        queues: z.array(
          z.object({
            name: z.string(),
            waiting: z.int(),
            active: z.int(),
            delayed: z.int(),
            failed: z.int(),
            oldest_age_ms: z.int().nullable(),
          }),
        ),
        waiting_events: z.int(),
        parked_events: z.int().meta({ description: 'Failed or refused.' }),
        index: z
          .object({
            model: z.string(),
            generation: z.int(),
            products: z.int(),
            shards: z.int(),
            newer: z
              .int()
              .meta({ description: 'Products whose vector is newer than their shard: the delta.' }),
            published_at: z.iso.datetime(),
          })
          .nullable(),
        model: z
          .object({
            version: z.int(),
            trained_at: z.iso.datetime({ offset: true }),
            signals: z.int(),
            figures: z.record(z.string(), z.unknown()).meta({
              description:
                'The parameters, and what their choice and the comparison with the model before found.',
            }),
          })
          .nullable(),
      }),
    },
  },
  async handler(_, { db, producer }) {
    // PostgreSQL after the queues: a job that ends in between has left its marks by then.
    const queues = await queueFigures(producer).catch((error: unknown) => {
      throw new OutageError('the queue cannot be reached', { cause: error });
    });
    const [dirty, releasable, parked, index, trained] = await Promise.all([
      countDirty(db),
      listReleasable(db, 1),
      countParked(db),
      findServingIndex(db),
      findModelStatus(db),
    ]);
    const busy = queues.some(({ waiting, active, delayed }) => waiting + active + delayed > 0);
    const count = (...wanted: string[]) =>
      parked.reduce((sum, { state, events }) => sum + (wanted.includes(state) ? events : 0), 0);
    return {
      json: {
        idle: !busy && dirty.length === 0 && releasable.length === 0 && !trained.training && !trained.due,
        training: trained.training,
        training_due: trained.due,
        queues,
        waiting_events: count('waiting'),
        parked_events: count('failed', 'refused'),
        index: index
          ? {
              model: index.model,
              generation: index.generation,
              products: index.manifest.count,
              shards: index.manifest.shards.length,
              newer: index.manifest.delta?.count ?? 0,
              published_at: index.manifest.created_at,
            }
          : null,
        model: trained.model,
      },
    };
  },
});

/** `GET /v1/admin/failed` */
export const getFailed = defineRoute({
  method: 'get',
  path: '/v1/admin/failed',
  scope: 'admin',
  summary: 'Events that wait, failed or were refused, oldest first.',
  query: z.strictObject({
    state: states.default('failed'),
    job: text(100).optional(),
    reason: text(200).optional(),
    limit: limit(100, 20),
    cursor: cursor(z.tuple([instant, uuid])).optional(),
  }),
  responses: {
    200: {
      description: 'A page. Personal fields of the payload are masked.',
      schema: z.object({
        items: z.array(
          z.object({
            event_id: z.uuid(),
            job: z.string(),
            state: states,
            reason: z.string(),
            detail: z.string().nullable(),
            waits_for: z.string().nullable(),
            payload: z.unknown(),
            parked_at: z.iso.datetime(),
            expires_at: z.iso
              .datetime()
              .nullable()
              .meta({ description: 'When a waiting event is given up.' }),
          }),
        ),
        next_cursor: z.string().nullable(),
      }),
    },
  },
  async handler({ query: { cursor: position, limit: size, state, job, reason } }, { db }) {
    const rows = await listParked(db, {
      state,
      limit: size + 1,
      ...(job !== undefined && { job }),
      ...(reason !== undefined && { reason }),
      ...(position && { after: { parked_at: position[0], event_id: position[1] } }),
    });
    const page = rows.slice(0, size);
    const last = rows.length > size ? page.at(-1) : undefined;
    return {
      json: {
        items: page.map((row) => ({ ...row, payload: maskPersonal(row.payload) })),
        next_cursor: last ? encodeCursor([last.parked_at, last.event_id]) : null,
      },
    };
  },
});
