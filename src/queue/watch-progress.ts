import type { Log } from '../log.ts';
import type { Producer } from './producer.ts';
import type { QueueName } from './queues.ts';

/**
 * Notice a worker that has stopped fetching without a word, as after an outage of Redis: jobs wait, Redis answers, and
 * yet this process has none under way. It looks every `intervalMs`; after `patience` looks in a row `onStuck` is called,
 * whose only cure is to end the process and be started again.
 */
export const watchProgress = (
  { producer, log }: { producer: Producer; log: Log },
  {
    queues,
    underWay,
    onStuck,
    intervalMs = 5_000,
    patience = 6,
  }: {
    queues: readonly QueueName[];
    /** Jobs of a queue this process has begun since it was last asked, and not only those still running. */
    underWay: (queue: QueueName) => number;
    onStuck: (queue: QueueName) => void;
    intervalMs?: number;
    patience?: number;
  },
): { stop(): void } => {
  const idleLooks = new Map<QueueName, number>();
  const look = async () => {
    for (const name of queues) {
      const queue = producer.queues.get(name);
      const stuck =
        underWay(name) === 0 &&
        queue !== undefined &&
        (await queue.getWaitingCount()) > 0 &&
        !(await queue.isPaused());
      const looks = stuck ? (idleLooks.get(name) ?? 0) + 1 : 0;
      idleLooks.set(name, looks);
      if (looks < patience) continue;
      log.fatal({ queue: name, msg: 'jobs wait and this worker takes none' });
      onStuck(name);
    }
  };
  // A Redis that does not answer is an outage, not a stuck worker, and after it the worker gets its time anew.
  const timer = setInterval(() => void look().catch(() => idleLooks.clear()), intervalMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
};
