import type { Producer } from './producer.ts';

/**
 * Remove failed jobs that name one of these users. Jobs that still run will find the users erased and leave no trace;
 * failed ones would keep theirs.
 */
export const forgetInQueues = async ({ queues }: Producer, userIds: readonly string[]): Promise<void> => {
  for (const queue of queues.values()) {
    for (const job of await queue.getFailed()) {
      const text = JSON.stringify(job.data).toLowerCase();
      if (userIds.some((id) => text.includes(id))) await job.remove();
    }
  }
};
