import { createTask } from 'node-cron';
import type { Log } from '../log.ts';
import type { Job } from './define-job.ts';
import type { Producer } from './producer.ts';

export interface Scheduled {
  job: Job;
  /** Six fields, the first is seconds; UTC. */
  cron: string;
  payload: unknown;
}

/**
 * Enqueue each scheduled job at its times, under an id made of its name and the due time: any number of schedulers
 * give one job, because BullMQ drops an id it still has, and keeps these for an hour after they ended. A time at which
 * the job before is not done yet is left out, so that an outage leaves one behind and not one for every time.
 */
export const startScheduler = (
  schedule: readonly Scheduled[],
  { producer, log }: { producer: Producer; log: Log },
): { stop(): Promise<void> } => {
  const tasks = schedule.map(({ job, cron, payload }) =>
    createTask(
      cron,
      async ({ date }) => {
        const due = Math.floor(date.getTime() / 1_000);
        await producer
          .enqueue(job, payload, {
            jobId: `${job.name}-${due}`,
            keepSeconds: 3_600,
            unlessUnfinished: true,
          })
          .catch((error) =>
            log.warn({ err: error, job: job.name, msg: 'could not enqueue a scheduled job' }),
          );
      },
      { timezone: 'UTC', name: job.name, suppressMissedWarning: true },
    ),
  );
  for (const task of tasks) void task.start();
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.destroy()));
    },
  };
};
