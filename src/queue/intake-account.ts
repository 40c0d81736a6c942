import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/**
 * The books of the intake, kept in the queue's Redis: `open` holds each job that was accepted and not yet settled with
 * its number of events, `totals` the running sums. Opening or settling one job twice counts once, so the difference of
 * the sums is what is under way, across crashes and repeats. It feeds metrics and alarms, never a decision.
 */
export interface IntakeAccount {
  open(jobId: string, events: number): Promise<void>;
  /**
   * Its callers are told that they were taken: from now on it may not vanish. Several of a moment are one write, for each
   * is an fsync and wakes two processes.
   */
  confirm(jobId: string): Promise<void>;
  /** Returns the events settled; 0 if it was settled before. */
  settle(jobId: string): Promise<number>;
  /** Settle a job that is nowhere any more. Returns its events if it was confirmed, which counts them as missing. */
  writeOff(jobId: string): Promise<number>;
  /** The ids of all jobs not settled yet, page by page, some perhaps twice. */
  listOpen(): AsyncIterable<string[]>;
  totals(): Promise<{ accepted: number; settled: number; missing: number }>;
}

// KEYS: open, totals. ARGV: job id, events. Returns 1 if it was new.
const openScript = `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'accepted', ARGV[2])
return 1`;

// KEYS: open. ARGV: job ids. What is confirmed has a plus behind its number.
const confirmScript = `
for _, id in ipairs(ARGV) do
  local events = redis.call('HGET', KEYS[1], id)
  if events and not events:find('+', 1, true) then redis.call('HSET', KEYS[1], id, events .. '+') end
end`;

// KEYS: open, totals. ARGV: job id, 1 if it is nowhere any more. Returns the events settled, or those that are missing.
const settleScript = `
local events = redis.call('HGET', KEYS[1], ARGV[1])
if not events then return 0 end
local count = events:match('%d+')
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'settled', count)
if ARGV[2] == '0' then return tonumber(count) end
if not events:find('+', 1, true) then return 0 end
redis.call('HINCRBY', KEYS[2], 'missing', count)
return tonumber(count)`;

/** As long as this may pass before it is written down that a job was promised. */
const confirmMs = 20;

export const createIntakeAccount = (redis: Redis, prefix: string): IntakeAccount => {
  const keys = [`{${prefix}:intake}:open`, `{${prefix}:intake}:totals`] as const;
  let unconfirmed: string[] = [];
  let confirming: Promise<void> | undefined;
  const confirmAll = async () => {
    await delay(confirmMs);
    const ids = unconfirmed;
    unconfirmed = [];
    confirming = undefined;
    await redis.eval(confirmScript, 1, keys[0], ...ids);
  };
  return {
    async open(jobId, events) {
      await redis.eval(openScript, 2, ...keys, jobId, events);
    },
    async confirm(jobId) {
      unconfirmed.push(jobId);
      confirming ??= confirmAll();
      await confirming;
    },
    async settle(jobId) {
      return (await redis.eval(settleScript, 2, ...keys, jobId, 0)) as number;
    },
    async writeOff(jobId) {
      return (await redis.eval(settleScript, 2, ...keys, jobId, 1)) as number;
    },
    async *listOpen() {
      for await (const page of redis.hscanStream(keys[0], { count: 500 })) {
        yield (page as string[]).filter((_, position) => position % 2 === 0);
      }
    },
    async totals() {
      const [accepted, settled, missing] = await redis.hmget(keys[1], 'accepted', 'settled', 'missing');
      return {
        accepted: Number(accepted ?? 0),
        settled: Number(settled ?? 0),
        missing: Number(missing ?? 0),
      };
    },
  };
};
