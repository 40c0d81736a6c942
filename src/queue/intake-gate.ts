import type { EventJob } from './define-job.ts';
import type { Producer } from './producer.ts';

/** Says when the queue is too full to take more, so that what was accepted can still be worked off. */
export interface IntakeGate {
  /** Why events are refused right now; undefined when they are welcome. Costs no round trip. */
  refusal(): string | undefined;
  close(): void;
}

interface GateOptions {
  jobs: readonly EventJob[];
  /** Jobs waiting in one queue above which intake closes. */
  backlogJobs: number;
  /** Share of the queue Redis' maxmemory above which intake closes. */
  memoryShare: number;
  intervalMs?: number;
}

const field = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

/** Looks at the queues' lengths and at Redis' memory twice a second, off the request path. */
export const createIntakeGate = (
  producer: Producer,
  { jobs, backlogJobs, memoryShare, intervalMs = 500 }: GateOptions,
): IntakeGate => {
  const names = [...new Set(jobs.map((job) => job.queue))];
  let reason: string | undefined;

  const look = async () => {
    const info = await producer.redis.info('memory');
    const limit = field(info, 'maxmemory');
    if (limit > 0 && field(info, 'used_memory') > limit * memoryShare) {
      reason = 'the queue is short of memory';
      return;
    }
    for (const name of names) {
      const waiting = (await producer.queues.get(name)?.getWaitingCount()) ?? 0;
      if (waiting <= backlogJobs) continue;
      reason = `the queue ${name} has fallen behind`;
      return;
    }
    reason = undefined;
  };

  let looking = false;
  const timer = setInterval(async () => {
    if (looking) return;
    looking = true;
    // While Redis is away adding fails by itself, so a failed look changes nothing.
    await look().catch(() => {});
    looking = false;
  }, intervalMs);
  timer.unref();
  return { refusal: () => reason, close: () => clearInterval(timer) };
};
