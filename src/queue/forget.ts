import type { Job } from 'bullmq';
import { listErased } from '../db/people.ts';
import { RetryableError } from '../errors.ts';
import type { EventJob } from './define-job.ts';
import { fromColumns } from './event-columns.ts';
import type { Context } from './handler.ts';
import { pepperOf } from './secrets.ts';

const pageSize = 100;

const uuids = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** The ids that stand anywhere in a value. */
const idsIn = (value: unknown): string[] =>
  JSON.stringify(value ?? null)
    .toLowerCase()
    .match(uuids) ?? [];

/**
 * Take what names an erased person, or something of theirs, out of failed jobs, and leave what other people's events
 * are in the same jobs. Jobs that still run find the person erased and leave no trace; failed ones would keep theirs.
 */
export const forgetInQueues = async ({ producer, db, config, eventJobs }: Context): Promise<void> => {
  const forgetIn = async (job: Job): Promise<void> => {
    const erased = new Set(await listErased(db, [...new Set(idsIn(job.data))], pepperOf(config)));
    if (erased.size === 0) return;
    const known = eventJobs.find(({ name }) => name === job.name);
    const kept = eventsOf(job.data, known).filter((event) => !idsIn(event).some((id) => erased.has(id)));
    if (kept.length === 0) await job.remove();
    else await job.updateData({ ...job.data, columns: undefined, events: kept });
  };
  for (const queue of producer.queues.values()) {
    // From the end: what is removed moves nothing that is still to be read.
    for (let end = await queue.getFailedCount(); end > 0; end -= pageSize) {
      for (const job of await queue.getFailed(Math.max(end - pageSize, 0), end - 1)) await forgetIn(job);
    }
  }
};

/** @throws when the job may hold events in a form that only another version knows: they have no other copy. */
const eventsOf = (data: unknown, job: EventJob | undefined): unknown[] => {
  const { events, columns } = (data ?? {}) as { events?: unknown; columns?: unknown };
  if (Array.isArray(events)) return events;
  if (columns === undefined || !job) return [];
  const payload = job.payload.safeParse(data).data;
  if (payload && 'columns' in payload) return fromColumns(payload.columns).events;
  throw new RetryableError(`a failed job of ${job.name} has columns of another version; retry it`);
};
