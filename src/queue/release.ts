import type { Context } from './handler.ts';

/** Ids of one job of events that go again. */
const chunkSize = 500;

/** Send events that were set aside through their jobs again; they apply as if they had just come. */
export const release = async (
  { producer, eventJobs }: Pick<Context, 'producer' | 'eventJobs'>,
  events: readonly { event_id: string; job: string }[],
): Promise<void> => {
  const byJob = new Map<string, string[]>();
  for (const { event_id, job } of events) {
    const ids = byJob.get(job);
    if (ids) ids.push(event_id);
    else byJob.set(job, [event_id]);
  }
  for (const [name, ids] of byJob) {
    const job = eventJobs.find((known) => known.name === name);
    if (!job) continue; // Parked by a newer version; a worker of that version sweeps it.
    for (let start = 0; start < ids.length; start += chunkSize) {
      await producer.enqueue(job, { parked: ids.slice(start, start + chunkSize) });
    }
  }
};
