import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { OutageError } from '../errors.ts';

/** Names this process in the notes: what it noted itself, it survived. */
const me = randomUUID();

/** Longer than any job goes on ending its workers. */
const keptSeconds = 24 * 3600;

let last: Promise<unknown> = Promise.resolve();

/** Run one trial after another: when this process ends, only the event that was being tried can be to blame. */
const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
  const turn = last.then(work, work);
  last = turn.catch(() => {});
  return turn;
};

const reach = async <T>(asked: Promise<T>): Promise<T> => {
  try {
    return await asked;
  } catch (error) {
    throw new OutageError('the queue does not take notes of a trial', { cause: error });
  }
};

interface Trial {
  redis: Redis;
  /** Namespace of all keys. */
  prefix: string;
  jobId: string;
}

/**
 * Try the events of a job that ended its workers again and again, each alone, and note in Redis which one before. Those
 * that no worker survived go last, and are handed to `blame` instead once that has happened `deaths` times: a worker may
 * also have been killed by others just then. An event whose try throws was survived.
 */
export const tryEach = <T>(
  { redis, prefix, jobId }: Trial,
  events: readonly { id: string; value: T }[],
  tryOne: (value: T) => Promise<void>,
  blame: (value: T) => Promise<void>,
  deaths = 2,
): Promise<void> =>
  inTurn(async () => {
    const key = `{${prefix}:intake}:trial:${jobId}`;
    const endings = new Map<string, number>();
    for (const noted of await reach(redis.hkeys(key))) {
      const [id = '', who] = noted.split('/');
      if (who !== me) endings.set(id, (endings.get(id) ?? 0) + 1);
    }
    const ended = (id: string) => endings.get(id) ?? 0;
    for (const { id, value } of [...events].sort((a, b) => ended(a.id) - ended(b.id))) {
      if (ended(id) >= deaths) {
        await blame(value);
        continue;
      }
      const note = `${id}/${me}`;
      await reach(redis.multi().hset(key, note, 1).expire(key, keptSeconds).exec());
      try {
        await tryOne(value);
      } finally {
        await redis.hdel(key, note).catch(() => {});
      }
    }
    await redis.del(key).catch(() => {});
  });
