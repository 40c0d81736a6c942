import type { Redis } from 'ioredis';

/**
 * The books of the intake, kept in the queue's Redis: `open` holds each job that was accepted and not yet settled with
 * its number of events, `totals` the running sums. Opening or settling one job twice counts once, so the difference of
 * the sums is what is under way, across crashes and repeats. It feeds metrics and alarms, never a decision.
 */
export interface IntakeAccount {
  open(jobId: string, events: number): Promise<void>;
  /** Returns the events settled; 0 if it was settled before. */
  settle(jobId: string): Promise<number>;
  /** The ids of all jobs not settled yet, page by page, some perhaps twice. */
  listOpen(): AsyncIterable<string[]>;
  totals(): Promise<{ accepted: number; settled: number }>;
}

// KEYS: open, totals. ARGV: job id, events. Returns 1 if it was new.
const openScript = `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'accepted', ARGV[2])
return 1`;

// KEYS: open, totals. ARGV: job id. Returns the events settled; 0 if it was settled before.
const settleScript = `
local events = redis.call('HGET', KEYS[1], ARGV[1])
if not events then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'settled', events)
return tonumber(events)`;

export const createIntakeAccount = (redis: Redis, prefix: string): IntakeAccount => {
  const keys = [`{${prefix}:intake}:open`, `{${prefix}:intake}:totals`] as const;
  return {
    async open(jobId, events) {
      await redis.eval(openScript, 2, ...keys, jobId, events);
    },
    async settle(jobId) {
      return (await redis.eval(settleScript, 2, ...keys, jobId)) as number;
    },
    async *listOpen() {
      for await (const page of redis.hscanStream(keys[0], { count: 500 })) {
        yield (page as string[]).filter((_, position) => position % 2 === 0);
      }
    },
    async totals() {
      const [accepted, settled] = await redis.hmget(keys[1], 'accepted', 'settled');
      return { accepted: Number(accepted ?? 0), settled: Number(settled ?? 0) };
    },
  };
};
