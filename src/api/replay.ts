import { z } from 'zod';
import { eventJobs } from '../../jobs/index.ts';
import { insertAudit } from '../db/audit.ts';
import type { Db } from '../db/database.ts';
import { repairParked } from '../db/parked-events.ts';
import { listForReplay, type ReplayEvent } from '../db/replay.ts';
import { uuid } from '../fields.ts';
import type { EventJob, Seal, StoredEvent } from '../queue/define-job.ts';
import { payloadHash } from '../queue/payload-hash.ts';
import { validate } from '../validate.ts';
import { type FieldError, fieldErrors, invalid, maxListed, Problem } from './problem.ts';
import { defineRoute } from './route.ts';

const pageSize = 500;

const jobsByName: ReadonlyMap<string, EventJob> = new Map(eventJobs.map((job) => [job.name, job]));

/** The chosen events, page by page. A page once listed may leave the table; what failed again keeps its place. */
async function* pages(
  db: Db,
  eventIds: readonly string[] | undefined,
  withPayload: boolean,
): AsyncGenerator<ReplayEvent[]> {
  let after: ReplayEvent | undefined;
  for (;;) {
    const page = await listForReplay(db, { eventIds, withPayload, after, limit: pageSize });
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    after = page.at(-1);
  }
}

/** The event with the patch laid over it, as it may be stored; undefined, with the reasons in `errors`, if it does not fit. */
const repair = (
  { event_id, job, payload }: ReplayEvent,
  patch: Record<string, unknown>,
  seal: Seal,
  errors: FieldError[],
): StoredEvent | undefined => {
  const stored = typeof payload === 'object' && payload !== null ? payload : {};
  const known = jobsByName.get(job);
  // What the door would seal must not lie in clear here either. What else it fills in stands in the event already.
  const completed: StoredEvent = { ...patch, event_id, received_at: '' };
  known?.complete?.(completed, seal);
  const laid = Object.fromEntries(Object.keys(patch).map((name) => [name, completed[name]]));
  const whole = { received_at: new Date().toISOString(), ...stored, ...laid, event_id };
  const parsed = known && validate(known.stored, whole);
  if (parsed?.success) return parsed.data;
  if (parsed) {
    for (const { path, message } of fieldErrors(parsed.error, '/patch')) {
      errors.push({ path, message: `${message} (event ${event_id})` });
    }
  }
  return undefined;
};

/** `POST /v1/admin/failed/replay` */
export const postReplay = defineRoute({
  method: 'post',
  path: '/v1/admin/failed/replay',
  scope: 'admin',
  summary: 'Apply parked events again, repaired if need be.',
  description:
    'Events named by id go again whatever their state; `all` are those that failed. `patch` is laid over the payload of each, field by field; nothing is changed unless every repaired event is valid. Ids that are not parked (any more) are in `not_found`; if none is, the answer is 404.',
  body: {
    schema: z
      .strictObject({
        event_ids: z.array(uuid).min(1).max(10_000).optional(),
        all: z.literal(true).optional(),
        patch: z.record(z.string(), z.unknown()).optional(),
      })
      .refine(({ event_ids, all }) => (event_ids === undefined) !== (all === undefined), {
        message: 'must have either event_ids or all',
        path: ['event_ids'],
      })
      .refine(({ patch }) => !patch || !('event_id' in patch || 'received_at' in patch), {
        message: 'must not change event_id or received_at',
        path: ['patch'],
      }),
  },
  responses: {
    202: {
      description: 'On their way.',
      schema: z.object({ replayed: z.int(), not_found: z.array(z.uuid()) }),
    },
    404: { description: 'None of the events is parked.' },
  },
  async handler({ body: { event_ids, patch }, app }, { db, producer, sealer }) {
    const wanted = event_ids && [...new Set(event_ids)];
    if (patch) {
      const errors: FieldError[] = [];
      for await (const page of pages(db, wanted, true)) {
        for (const event of page) repair(event, patch, sealer.seal, errors);
        if (errors.length >= maxListed) break;
      }
      if (errors.length > 0) throw invalid(errors);
    }

    const missing = new Set(wanted);
    let replayed = 0;
    try {
      for await (const page of pages(db, wanted, patch !== undefined)) {
        const byJob = new Map<EventJob, string[]>();
        for (const event of page) {
          missing.delete(event.event_id);
          const job = jobsByName.get(event.job);
          // Left by a newer version that knows the job; it stays parked.
          if (!job) continue;
          if (patch) {
            const payload = repair(event, patch, sealer.seal, []);
            // Replaced by someone else since it was checked.
            if (!payload) continue;
            await repairParked(db, event.event_id, { payload, payload_hash: payloadHash(payload) });
          }
          const ids = byJob.get(job);
          if (ids) ids.push(event.event_id);
          else byJob.set(job, [event.event_id]);
        }
        for (const [job, parked] of byJob) {
          await producer.enqueue(job, { parked });
          replayed += parked.length;
        }
      }
    } finally {
      if (replayed > 0) {
        await insertAudit(db, {
          component: 'events',
          severity: 'info',
          message: 'parked events replayed',
          payload: {
            by: app,
            replayed,
            event_ids: wanted?.slice(0, 100) ?? 'all',
            patched: Object.keys(patch ?? {}),
          },
        });
      }
    }
    if (wanted && missing.size === wanted.length) throw new Problem(404, 'None of these events is parked.');
    return { status: 202, json: { replayed, not_found: [...missing] } };
  },
});
