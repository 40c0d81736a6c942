import type { Log } from '../log.ts';
import type { Context } from './handler.ts';

/** A younger job may stand in the books and not be in its queue yet. */
const graceMs = 30_000;

/** Jobs asked for in one go. With a backlog of more the rest is for later, and the difference alarms nobody. */
const maxJobs = 2_000;

/** Job ids are UUIDv7 and begin with their time. */
const bornAt = (jobId: string): number => Number.parseInt(jobId.replace('-', '').slice(0, 12), 16);

/**
 * Settle jobs that stand open in the books and are in no queue. Where the connection was cut between the entry and the
 * job nobody was told that it was taken. One that was confirmed must not get here, for whoever ends it settles it first:
 * its events are counted as missing, which raises an alarm. Returns how many events that were.
 */
export const settleAbandoned = async ({
  account,
  producer,
  eventJobs,
  log,
}: Pick<Context, 'account' | 'producer' | 'eventJobs'> & { log: Log }): Promise<number> => {
  const names = [...new Set(eventJobs.map(({ queue }) => queue))];
  const queues = names.flatMap((name) => producer.queues.get(name) ?? []);
  const inQueue = async (jobId: string): Promise<boolean> => {
    const found = await Promise.all(queues.map((queue) => producer.redis.exists(queue.toKey(jobId))));
    return found.includes(1);
  };
  let missing = 0;
  let checked = 0;
  for await (const page of account.listOpen()) {
    const old = page.filter((jobId) => bornAt(jobId) < Date.now() - graceMs);
    await Promise.all(
      old.map(async (jobId) => {
        if (await inQueue(jobId)) return;
        // One that ended just now has settled itself.
        const events = await account.writeOff(jobId);
        if (events === 0) return;
        missing += events;
        log.error({ job_id: jobId, events, msg: 'a job with accepted events is gone, and nobody ended it' });
      }),
    );
    checked += old.length;
    if (checked >= maxJobs) break;
  }
  return missing;
};
