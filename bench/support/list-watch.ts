import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { userListKey, viewList } from '../../src/serving/user-list.ts';
import { prefix } from './system.ts';

/** Times are too long by up to this: looking more often would take the processor from what is measured. */
const watchMs = 20;
/** What is not fresh by then is reported as never. */
const giveUpMs = 30_000;

interface Sample {
  user: string;
  /** Of the product that the list has to know. */
  number: number;
  acceptedAt: number;
  version: number;
}

/**
 * Looks into Redis for the lists of a few dozen users at once, so that looking costs next to nothing. Nothing of ours is
 * asked for the time: the list that has the product among those it knows was made after the event.
 */
export const watchLists = (cache: Redis) => {
  const watched = new Set<Sample>();
  const took: number[] = [];
  let never = 0;
  let watching = true;

  const look = async () => {
    const samples = [...watched];
    const heads = cache.pipeline();
    for (const { user } of samples) heads.getrangeBuffer(userListKey(prefix, user), 1, 8);
    const found = (await heads.exec()) ?? [];
    const now = performance.now();
    for (const [at, sample] of samples.entries()) {
      const head = found[at]?.[1] as Buffer | undefined;
      const version = head?.length === 8 ? head.readDoubleBE() : 0;
      if (version !== sample.version) {
        sample.version = version;
        const list = viewList(await cache.getBuffer(userListKey(prefix, sample.user)));
        if (list?.known().includes(sample.number)) {
          took.push(now - sample.acceptedAt);
          watched.delete(sample);
          continue;
        }
      }
      if (now - sample.acceptedAt > giveUpMs) {
        never += 1;
        watched.delete(sample);
      }
    }
  };
  const loop = (async () => {
    while (watching || watched.size > 0) {
      await look();
      await delay(watchMs);
    }
  })();

  return {
    /** From now on. */
    add: (user: string, number: number) =>
      void watched.add({ user, number, acceptedAt: performance.now(), version: 0 }),
    /** Wait for those that are still watched. @returns milliseconds of each, and how many never came. */
    async close() {
      watching = false;
      await loop;
      return { took, never };
    },
  };
};
