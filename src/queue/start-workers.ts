import { setTimeout as delay } from 'node:timers/promises';
import { type Job as BullJob, type MinimalJob, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { InvalidPayloadError, OutageError, UnrecoverableError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Job } from './define-job.ts';
import type { Context, Handler, Handlers } from './handler.ts';
import { type QueueName, queueNames, queuePrefix, queues } from './queues.ts';
import { settleAbandoned } from './settle-abandoned.ts';
import { watchProgress } from './watch-progress.ts';

export interface Workers {
  /** Take no new jobs, let the running ones end, or put them back when `timeoutMs` is over. */
  close(timeoutMs: number): Promise<void>;
}

interface WorkerSetup<Jobs extends Record<string, Job>> {
  /** From `connectForWork`. */
  redis: Redis;
  jobs: Jobs;
  handlers: Handlers<Jobs>;
  context: Context;
  log: Log;
  only?: readonly QueueName[];
  /** Called when a worker no longer takes jobs although some wait. */
  onStuck?: (queue: QueueName) => void;
}

/**
 * The lock runs out 10 s after its holder died or froze, and another worker looks every 5 s: work is taken over within
 * 15 s. A stall says nothing about the job, only about its worker, so it never fails one (`maxStalledCount`).
 */
const limits = {
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 1_000_000,
  // How soon a worker asks again after Redis failed it. BullMQ's 15 s would be the whole recovery time.
  runRetryDelay: 1_000,
};

/** Doubling, capped: BullMQ's own exponential backoff has no end. */
const backoffStrategy = (attemptsMade: number, _type?: string, _error?: Error, job?: MinimalJob): number => {
  const { delay: first = 1_000 } = (job?.opts.backoff ?? {}) as { delay?: number };
  return Math.min(first * 2 ** Math.min(attemptsMade - 1, 20), 30_000) * (0.5 + Math.random() / 2);
};

const outagePause = (tries: number): number =>
  Math.min(100 * 2 ** Math.min(tries, 5), 2_000) * (0.75 + Math.random() / 2);

/** Serve the queues with the handlers of their jobs. */
export const startWorkers = <Jobs extends Record<string, Job>>(setup: WorkerSetup<Jobs>): Workers => {
  const { redis, context, log } = setup;
  const byName = new Map(
    Object.keys(setup.jobs).map((key) => {
      const job = setup.jobs[key] as Job;
      return [job.name, { job, handler: setup.handlers[key] as unknown as Handler<Job> }] as const;
    }),
  );
  const stopping = new AbortController();

  /**
   * Keep trying while PostgreSQL or Redis is away: the job stays with this worker and spends no attempt, and because
   * the worker is busy with it, it does not drag the rest of the queue through the same outage.
   */
  const outlastOutages = async (work: () => Promise<void>, jobLog: Log): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof OutageError)) throw error;
        if (tries === 0) jobLog.warn({ err: error, msg: 'waiting for a part that is away' });
        context.metrics.outages.inc();
        await delay(outagePause(tries), undefined, { signal: stopping.signal }).catch(() => {});
        if (stopping.signal.aborted) throw Worker.RateLimitError(); // Back to the queue, no attempt spent.
      }
    }
  };

  const running = new Map<QueueName, number>();
  const begun = new Map<QueueName, number>();
  const tally = (counts: Map<QueueName, number>, queue: QueueName, by: number) =>
    counts.set(queue, (counts.get(queue) ?? 0) + by);

  const process = async (bullJob: BullJob): Promise<void> => {
    const queue = bullJob.queueName as QueueName;
    tally(begun, queue, 1);
    tally(running, queue, 1);
    try {
      await runJob(bullJob);
    } finally {
      tally(running, queue, -1);
    }
  };

  const runJob = async (bullJob: BullJob): Promise<void> => {
    const known = byName.get(bullJob.name);
    // Left by a newer version in a rolling deploy: not for us, nor lost. The retry finds a worker that knows it.
    if (!known) throw new Error(`no handler for job ${bullJob.name}`);
    const { job, handler } = known;
    const parsed = job.payload.safeParse(bullJob.data);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new InvalidPayloadError(job.name, `${issue?.path.join('.')}: ${issue?.message}`);
    }
    const jobLog = log.child({ job: job.name, job_id: bullJob.id, attempt: bullJob.attemptsMade + 1 });
    const run = {
      jobId: bullJob.id as string,
      attempt: bullJob.attemptsMade + 1,
      starts: bullJob.attemptsStarted,
      log: jobLog,
      signal: stopping.signal,
    };
    const stop = context.metrics.jobSeconds.startTimer({ job_name: job.name });
    try {
      await outlastOutages(() => handler(parsed.data, context, run), jobLog);
      context.metrics.jobs.inc({ job_name: job.name, queue: job.queue, outcome: 'done' });
    } catch (error) {
      if (
        !stopping.signal.aborted ||
        !(error instanceof Error) ||
        error.message !== Worker.RateLimitError().message
      ) {
        context.metrics.jobs.inc({ job_name: job.name, queue: job.queue, outcome: 'failed' });
        const final = error instanceof UnrecoverableError || run.attempt >= (bullJob.opts.attempts ?? 1);
        jobLog[final ? 'error' : 'warn']({ err: error, msg: 'job failed' });
      }
      throw error;
    } finally {
      stop();
    }
  };

  const workers = (setup.only ?? queueNames).map((name) => {
    const worker = new Worker(name, process, {
      ...limits,
      connection: redis,
      prefix: queuePrefix(context.config.REDIS_PREFIX, name),
      concurrency: queues[name].concurrency ?? context.config.WORKER_CONCURRENCY,
      settings: { backoffStrategy },
      metrics: { maxDataPoints: 60 },
    });
    worker.on('error', (error) => {
      // Every attempt of every queue to connect would be a line; the connection reports each outage once.
      if (typeof (error as { code?: unknown }).code === 'string') return;
      log.warn({ err: error, queue: name, msg: 'worker error' });
    });
    worker.on('stalled', (jobId) => {
      context.metrics.stalled.inc({ queue: name });
      log.warn({ queue: name, job_id: jobId, msg: 'took over a job whose worker is gone' });
    });
    worker.on('lockRenewalFailed', () => context.metrics.lockRenewalFailed.inc({ queue: name }));
    return worker;
  });

  const watch = watchProgress(
    { producer: context.producer, log },
    {
      queues: setup.only ?? queueNames,
      underWay: (queue) => {
        const since = (begun.get(queue) ?? 0) + (running.get(queue) ?? 0);
        begun.set(queue, 0);
        return since;
      },
      onStuck: setup.onStuck ?? (() => {}),
    },
  );

  const bookkeeping = setInterval(() => {
    // With Redis away there is nothing to settle with; the next time will do.
    settleAbandoned({ ...context, log }).catch(() => {});
  }, 30_000);

  return {
    async close(timeoutMs) {
      watch.stop();
      clearInterval(bookkeeping);
      const closing = Promise.all(workers.map((worker) => worker.close()));
      closing.catch(() => {});
      const timer = setTimeout(() => stopping.abort(), Math.max(timeoutMs - 2_000, 0));
      const late = delay(timeoutMs, 'late', { ref: false });
      // Without Redis no job can be marked as done, and BullMQ would wait for its return.
      const away = new Promise<void>((resolve) => {
        if (redis.status === 'ready') redis.once('close', resolve);
        else resolve();
      });
      const inVain = away.then(() => delay(1_000, 'late', { ref: false }));
      if ((await Promise.race([closing, late, inVain])) === 'late') {
        stopping.abort();
        log.warn({ msg: 'jobs were still running; another worker takes them over when their lock runs out' });
        // Asking again to close, by force, would only wait for the first: what is left is to cut the connections.
        for (const worker of workers)
          worker
            .getBackend()
            .disconnectBlocking(false)
            .catch(() => {});
      }
      clearTimeout(timer);
      redis.disconnect();
    },
  };
};
