import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Db } from '../db/database.ts';
import { type Definition, listActiveExperiments } from '../db/experiments.ts';
import { OutageError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Cohort, chooseCohort } from './cohorts.ts';

/** A user's place in a test. */
export interface Assigned {
  test: string;
  run: number;
  cohort: Cohort;
}

/** The active tests, in the memory of every API process. */
export interface Experiments {
  /** The user's cohort; undefined when there is no such active test, or when this process cannot be sure of it. */
  cohortOf(test: string, userId: string): Assigned | undefined;
  /**
   * Resolves when every API process honours this version of the definitions; false when some did not within `withinMs`.
   * @throws OutageError when Redis is away.
   */
  everywhere(version: number, withinMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** How often a process says what it has, and hears what there is. */
const beatMs = 400;
/** A process that was silent for so long is not waited for any more, and until it was heard again knows no cohort. */
const leaseMs = 5_000;
/** How often to look into PostgreSQL though nothing was announced: who announces may have died before. */
const lookMs = 10_000;
const pollMs = 25;

// Both in the queue's Redis: in the other one memory may be made by throwing keys away, and a process that is thrown away
// is not waited for. KEYS: a hash with the announced version, and of each process its version and the end of its lease.

// ARGV: process, its version, lease in ms. Returns the announced version, and 1 when the lease had not run out in between.
const beatScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('HGET', KEYS[1], ARGV[1])
local alive = before and tonumber(string.match(before, ' (%d+)$')) >= now
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now + ARGV[3]))
return { redis.call('HGET', KEYS[1], 'announced') or '0', alive and 1 or 0 }`;

// ARGV: version. Returns how many processes do not have it yet, and forgets those that are gone.
const announceScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields = redis.call('HGETALL', KEYS[1])
local behind = 0
local announced = 0
for i = 1, #fields, 2 do
  if fields[i] == 'announced' then announced = tonumber(fields[i + 1])
  else
    local version, until_ = string.match(fields[i + 1], '^(%d+) (%d+)$')
    if tonumber(until_) < now then redis.call('HDEL', KEYS[1], fields[i])
    elseif tonumber(version) < tonumber(ARGV[1]) then behind = behind + 1 end
  end
end
if announced < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'announced', ARGV[1]) end
return behind`;

interface ExperimentParts {
  db: Db;
  /** The queue's Redis, from `connectForRequests`. */
  redis: Redis;
  prefix: string;
  log: Log;
}

/**
 * Load the active tests and keep them current. A process holds a lease on what it has: it tells Redis its version, and
 * only while that is fresh does it put anybody into a cohort. So whoever changes a test can wait until every process has
 * told the new version or has gone silent, and no answer is given by the old one after that.
 */
export const startExperiments = async ({ db, redis, prefix, log }: ExperimentParts): Promise<Experiments> => {
  const key = `{${prefix}:experiments}`;
  const id = `process:${randomUUID()}`;
  let tests = new Map<string, Definition>();
  let version = 0;
  /** Loaded since the lease began. */
  let sure = false;
  let leaseEnd = 0;
  let loadedAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  const beat = async (): Promise<number> => {
    const sentAt = performance.now();
    const [announced, alive] = (await redis.eval(beatScript, 1, key, id, version, leaseMs)) as [
      string,
      number,
    ];
    if (alive === 0) sure = false;
    leaseEnd = sentAt + leaseMs;
    return Number(announced);
  };

  const look = async (): Promise<void> => {
    const announced = await beat();
    const now = performance.now();
    if (sure && announced <= version && now - loadedAt < lookMs) return;
    const active = await listActiveExperiments(db);
    tests = new Map(active.tests.map((test) => [test.test_name, test]));
    const news = version !== active.version || !sure;
    version = active.version;
    loadedAt = now;
    sure = true;
    if (news) await beat();
  };

  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  const lookOn = async (): Promise<void> => {
    try {
      await look();
      failing = false;
    } catch (error) {
      if (!failing && !closed) log.warn({ err: error, msg: 'experiments cannot be kept current' });
      failing = true;
    }
    if (!closed) timer = setTimeout(() => void lookOn(), beatMs).unref();
  };
  await lookOn();

  return {
    cohortOf(test, userId) {
      const definition = tests.get(test);
      if (!definition || !sure || performance.now() >= leaseEnd) return undefined;
      return { test, run: definition.run, cohort: chooseCohort(test, definition.cohorts, userId) };
    },
    async everywhere(wanted, withinMs) {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const behind = await redis.eval(announceScript, 1, key, wanted).catch((error: unknown) => {
          throw new OutageError('the processes cannot be asked', { cause: error });
        });
        if (behind === 0) return true;
        if (performance.now() > deadline) return false;
        await delay(pollMs);
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      // Else a change would wait until the lease has run out.
      await redis.hdel(key, id).catch(() => {});
    },
  };
};
