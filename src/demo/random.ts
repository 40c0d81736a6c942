import { createHash } from 'node:crypto';
import { v4 } from 'uuid';

/** A stream of chance that is the same for the same seed, on every machine. */
export interface Random {
  /** From 0 up to, but never, 1. */
  next(): number;
  between(low: number, high: number): number;
  /** A whole number, both ends included. */
  int(low: number, high: number): number;
  chance(probability: number): boolean;
  /** Standard normal: mean 0, deviation 1. */
  normal(): number;
  pick<T>(items: readonly T[]): T;
  /** A copy in random order. */
  shuffle<T>(items: readonly T[]): T[];
  uuid(): string;
}

/**
 * One of several independent streams of a seed. Each part of the shop draws from its own, so that a change in one part
 * leaves the others as they were. The generator is sfc32 by Chris Doty-Humphrey (from his PractRand, public domain).
 */
export const createRandom = (seed: number, stream: string): Random => {
  const digest = createHash('sha256').update(`${seed}/${stream}`).digest();
  let a = digest.readInt32LE(0);
  let b = digest.readInt32LE(4);
  let c = digest.readInt32LE(8);
  let counter = 1;

  const bits = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // 21 high bits and 32 low ones: as many as a double between 0 and 1 holds.
  const next = () => ((bits() >>> 11) * 2 ** 32 + bits()) / 2 ** 53;
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));

  return {
    next,
    between: (low, high) => low + next() * (high - low),
    int,
    chance: (probability) => next() < probability,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    pick: <T>(items: readonly T[]) => items[int(0, items.length - 1)] as T,
    shuffle: <T>(items: readonly T[]) => {
      const mixed = [...items];
      for (let i = mixed.length - 1; i > 0; i -= 1) {
        const j = int(0, i);
        [mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T];
      }
      return mixed;
    },
    uuid: () => v4({ random: Uint8Array.from({ length: 16 }, () => bits() & 255) }),
  };
};

/** A wheel of fortune: every call draws one of the items, each as often as its weight says. Build once, spin often. */
export const createWheel = <T>(
  random: Random,
  items: readonly T[],
  weigh: (item: T) => number,
): (() => T) => {
  let total = 0;
  const edges = items.map((item) => {
    total += weigh(item);
    return total;
  });
  return () => {
    const target = random.next() * total;
    let low = 0;
    let high = edges.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((edges[middle] as number) > target) high = middle;
      else low = middle + 1;
    }
    return items[low] as T;
  };
};
