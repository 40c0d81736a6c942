import { eventJobs, followUps } from '../jobs/index.ts';
import type { sweep } from '../jobs/sweep.ts';
import { countDirty } from '../src/db/dirty-keys.ts';
import { failExpired, listReleasable } from '../src/db/parked-events.ts';
import type { EventJob } from '../src/queue/define-job.ts';
import type { Handler } from '../src/queue/handler.ts';

/** Ids of one job of events that go again. */
const chunkSize = 500;
const releaseLimit = 10_000;

export const handleSweep: Handler<typeof sweep> = async (_, { db, producer, metrics }, { log }) => {
  const releasable = await listReleasable(db, releaseLimit);
  const byJob = new Map<EventJob, string[]>();
  for (const { event_id, job: name } of releasable) {
    const job = Object.values(eventJobs).find((known) => known.name === name);
    if (!job) continue; // Parked by a newer version; a worker of that version sweeps it.
    const ids = byJob.get(job) ?? [];
    ids.push(event_id);
    byJob.set(job, ids);
  }
  for (const [job, ids] of byJob) {
    for (let start = 0; start < ids.length; start += chunkSize) {
      await producer.enqueue(job, { parked: ids.slice(start, start + chunkSize) });
    }
  }

  const expired = await failExpired(db);
  for (const { event_id, job } of expired) {
    const type = Object.values(eventJobs).find((known) => known.name === job)?.type ?? job;
    metrics.outcomes.inc({ type, outcome: 'failed' });
    log.error({ event_id, job, msg: 'waiting event parked as failed' });
  }

  const stale = new Set((await countDirty(db)).map(({ kind }) => kind));
  // Not coalesced: should BullMQ ever keep a deduplication key without its job, this is what gets things going again.
  for (const job of followUps) if (stale.has(job.kind)) await producer.enqueue(job, {});
};
