import type { Redis } from 'ioredis';
import type { Log } from '../log.ts';
import { inTime } from './in-time.ts';

/** How much of a second's requests a process leases at once: so many round trips a second at most, none in the way. */
const shareOfSecond = 0.1;
/** A share not used up by then is gone: it was leased for the load of that moment. */
const leaseMs = 1_000;
/** What a request waits for Redis at most, and how long it is then left alone. */
const patienceMs = 200;
const leaveAloneMs = 1_000;

// KEYS: a key's bucket. ARGV: requests a second, the most at once, how many are wanted. The clock is Redis' own.
// Returns how many are given, and in how many milliseconds there is one again.
const leaseScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'left', 'at')
local passed = math.max(now - (tonumber(bucket[2]) or now), 0)
local left = math.min(burst, (tonumber(bucket[1]) or burst) + passed * rate / 1000)
local given = math.min(math.floor(left), tonumber(ARGV[3]))
left = left - given
redis.call('HSET', KEYS[1], 'left', string.format('%.9f', left), 'at', string.format('%.3f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst * 1000 / rate) + 1000)
return { given, math.ceil(math.max(1 - left, 0) * 1000 / rate) }`;

/** What one process holds of a key's requests. */
interface Share {
  left: number;
  leasedAt: number;
  emptyUntil: number;
  waiting: number;
  renewal: Promise<void> | undefined;
}

export interface KeyLimits {
  /**
   * Spend one request of a key that may make `rate` a second, and a second's worth (at least one) at once, in all
   * processes together. Resolves with the milliseconds to wait when there is none left; undefined when it may be made.
   */
  spend(keyId: string, rate: number): Promise<number | undefined> | undefined;
}

interface LimitsParts {
  /** Of what can be rebuilt: a lost bucket is a full one. From `connectForRequests`. */
  redis: Redis;
  prefix: string;
  log: Log;
}

/**
 * Rates of keys, kept in Redis and spent in shares: a process leases a tenth of a second's requests in one call and
 * renews it in the background before it is used up. While Redis is away each process allows the full rate by itself, so
 * a key gets at most its rate times the number of processes.
 */
export const createKeyLimits = ({ redis, prefix, log }: LimitsParts): KeyLimits => {
  const shares = new Map<string, Share>();
  let awayUntil = Number.NEGATIVE_INFINITY;

  const ask = async (keyId: string, rate: number, wanted: number): Promise<[number, number]> => {
    if (performance.now() >= awayUntil) {
      const answer = await inTime(
        redis.eval(leaseScript, 1, `{${prefix}:limits}:${keyId}`, rate, Math.max(1, rate), wanted),
        patienceMs,
        (why) => {
          awayUntil = performance.now() + leaveAloneMs;
          log.warn({ err: why, msg: 'the rates of keys are not shared: each process allows them by itself' });
        },
      );
      if (answer) return answer as [number, number];
    }
    // A tenth of a second's worth, and no more before that has passed.
    const share = Math.max(1, Math.floor(rate * shareOfSecond));
    return [share, (share * 1_000) / rate];
  };

  const renew = (share: Share, keyId: string, rate: number): Promise<void> => {
    share.renewal ??= (async () => {
      const usual = Math.max(1, Math.ceil(rate * shareOfSecond));
      const [given, waitMs] = await ask(keyId, rate, Math.max(usual, share.waiting));
      const now = performance.now();
      share.left = (now - share.leasedAt > leaseMs ? 0 : share.left) + given;
      share.leasedAt = now;
      // The next one is not asked for before there can be one, so a noisy caller costs Redis nothing.
      if (given === 0 || now < awayUntil) share.emptyUntil = now + waitMs;
    })().finally(() => {
      share.renewal = undefined;
    });
    return share.renewal;
  };

  /** One of what is here; undefined when nothing is. */
  const take = (share: Share): boolean => {
    if (share.left <= 0 || performance.now() - share.leasedAt > leaseMs) return false;
    share.left -= 1;
    return true;
  };

  const wait = async (share: Share, keyId: string, rate: number): Promise<number | undefined> => {
    share.waiting += 1;
    try {
      for (;;) {
        const emptyMs = share.emptyUntil - performance.now();
        if (emptyMs > 0) return emptyMs;
        await renew(share, keyId, rate);
        if (take(share)) return undefined;
      }
    } finally {
      share.waiting -= 1;
    }
  };

  return {
    spend(keyId, rate) {
      let share = shares.get(keyId);
      if (!share) {
        share = { left: 0, leasedAt: 0, emptyUntil: 0, waiting: 0, renewal: undefined };
        shares.set(keyId, share);
      }
      if (!take(share)) return wait(share, keyId, rate);
      const low = share.left < (rate * shareOfSecond) / 2;
      if (low && performance.now() >= share.emptyUntil) void renew(share, keyId, rate);
      return undefined;
    },
  };
};
