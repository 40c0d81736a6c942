import type { Context } from './handler.ts';

/** A younger job may stand in the books and not be in its queue yet. */
const graceMs = 30_000;

/** Jobs asked for in one go. With a backlog of more the rest is for later, and the difference alarms nobody. */
const maxJobs = 2_000;

/** Job ids are UUIDv7 and begin with their time. */
const bornAt = (jobId: string): number => Number.parseInt(jobId.replace('-', '').slice(0, 12), 16);

/**
 * Settle jobs that stand open in the books and are in no queue: the connection was cut between the entry and the job,
 * the settling was lost, or somebody removed the job. Returns how many jobs that were.
 */
export const settleAbandoned = async ({
  account,
  producer,
  eventJobs,
}: Pick<Context, 'account' | 'producer' | 'eventJobs'>): Promise<number> => {
  const names = [...new Set(eventJobs.map(({ queue }) => queue))];
  const queues = names.flatMap((name) => producer.queues.get(name) ?? []);
  const inQueue = async (jobId: string): Promise<boolean> => {
    const found = await Promise.all(queues.map((queue) => producer.redis.exists(queue.toKey(jobId))));
    return found.includes(1);
  };
  let settled = 0;
  let checked = 0;
  for await (const page of account.listOpen()) {
    const old = page.filter((jobId) => bornAt(jobId) < Date.now() - graceMs);
    await Promise.all(
      old.map(async (jobId) => {
        // One that ended just now has settled itself.
        if (!(await inQueue(jobId)) && (await account.settle(jobId)) > 0) settled += 1;
      }),
    );
    checked += old.length;
    if (checked >= maxJobs) break;
  }
  return settled;
};
