import type { Producer } from '../queue/producer.ts';

export interface QueueFigures {
  name: string;
  waiting: number;
  active: number;
  delayed: number;
  failed: number;
  /** Age of the oldest job that is not done; null when there is none. */
  oldest_age_ms: number | null;
}

/** How full every queue is and how old its oldest job. @throws when Redis does not answer. */
export const queueFigures = ({ queues, redis }: Producer): Promise<QueueFigures[]> =>
  Promise.all(
    [...queues].map(async ([name, queue]) => {
      const states = ['waiting', 'active', 'delayed'] as const;
      const [counts, ...oldest] = await Promise.all([
        queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
        ...states.map((state) => queue.getRanges([state], 0, 0, true)),
      ]);
      const ids = oldest.flat().filter((id) => id !== undefined);
      const since = await Promise.all(ids.map((id) => redis.hget(queue.toKey(id), 'timestamp')));
      // A job may end between the two questions.
      const times = since.filter((time) => time !== null).map(Number);
      const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
      return {
        name,
        waiting: waiting + prioritized,
        active,
        delayed,
        failed,
        oldest_age_ms: times.length > 0 ? Math.max(Date.now() - Math.min(...times), 0) : null,
      };
    }),
  );
