import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import { OutageError } from '../errors.ts';
import type { Job } from './define-job.ts';
import { type QueueName, queueNames, queuePrefix } from './queues.ts';

export interface EnqueueOptions {
  jobId?: string;
  /** Keep the ended job this long, so that its id counts as used. */
  keepSeconds?: number;
  delayMs?: number;
  /**
   * While a job under this name waits, a further one is dropped; while it runs, one more is kept for afterwards. For
   * jobs that look up themselves what there is to do. Never for events.
   */
  coalesce?: string;
  /** Drop the job while an earlier one of its name waits or runs. Never for events. */
  unlessUnfinished?: boolean;
}

export interface Producer {
  /**
   * Put a job into its queue. Resolves with the job's id only when Redis has confirmed it; within the deadline always
   * resolves or rejects.
   * @throws ZodError when the payload does not fit the job. @throws OutageError when Redis did not confirm in time: the
   * job may be queued all the same, so a retry must be harmless.
   */
  enqueue<J extends Job>(job: J, payload: z.input<J['payload']>, options?: EnqueueOptions): Promise<string>;
  /** @throws OutageError when it is known already that nothing can be queued now. */
  assertReachable(): void;
  readonly queues: ReadonlyMap<QueueName, Queue>;
  readonly redis: Redis;
  close(): Promise<void>;
}

/** A single job larger than this is refused by BullMQ before it reaches Redis. */
const sizeLimit = 32 * 1024 * 1024;

/**
 * The way into the queues for everyone who only adds. `redis` must come from `connectForRequests`.
 *
 * After a missed deadline nothing more is sent until a PING is answered, or the connection made anew: on one that
 * swallows commands without a word each of them would stay in memory.
 */
export const createProducer = (
  redis: Redis,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
): Producer => {
  const queues = new Map<QueueName, Queue>(
    queueNames.map((name) => {
      const queue = new Queue(name, {
        connection: redis,
        prefix: queuePrefix(prefix, name),
        skipWaitingForReady: true,
        // It asks Redis once, and a queue to which that one answer does not come in time rejects every job for ever.
        skipVersionCheck: true,
        streams: { events: { maxLen: 1_000 } },
      });
      // The connection reports its own errors; without a listener each would end the process.
      queue.on('error', () => {});
      return [name, queue];
    }),
  );

  let suspended = false;
  const resume = () => {
    suspended = false;
  };
  const probe = async () => {
    try {
      await redis.ping();
      resume();
    } catch {
      redis.once('ready', resume);
      if (redis.status === 'ready') redis.disconnect(true);
    }
  };
  const suspend = () => {
    if (suspended) return;
    suspended = true;
    setTimeout(probe, 200).unref();
  };
  const assertReachable = () => {
    if (suspended || redis.status !== 'ready') throw new OutageError('the queue cannot be reached');
  };

  const withDeadline = async <T>(work: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        suspend();
        reject(new OutageError(`the queue did not confirm within ${timeoutMs} ms`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      if (error instanceof OutageError) throw error;
      throw new OutageError(`the queue did not take the job`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    queues,
    redis,
    assertReachable,
    async enqueue(job, payload, options = {}) {
      const parsed = job.payload.parse(payload);
      assertReachable();
      const queue = queues.get(job.queue);
      if (!queue) throw new Error(`no queue ${job.queue}`);
      const { attempts, backoff, keepFailed } = job.options;
      const added = await withDeadline(
        queue.add(job.name, parsed, {
          attempts,
          backoff,
          jobId: options.jobId ?? job.jobId?.(parsed) ?? uuidv7(),
          removeOnComplete: options.keepSeconds === undefined ? true : { age: options.keepSeconds },
          removeOnFail: !keepFailed,
          ...(options.delayMs === undefined ? {} : { delay: options.delayMs }),
          ...(options.coalesce === undefined
            ? {}
            : { deduplication: { id: options.coalesce, keepLastIfActive: true } }),
          ...(options.unlessUnfinished ? { deduplication: { id: `${job.name}:unfinished` } } : {}),
          sizeLimit,
          stackTraceLimit: 5,
        }),
      );
      return added.id as string;
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close().catch(() => {})));
      redis.disconnect();
    },
  };
};
