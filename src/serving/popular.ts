import type { Db } from '../db/database.ts';
import { listMostPopular, listPopularScores } from '../db/popular-scores.ts';
import type { Log } from '../log.ts';
import { topItems } from '../recommend/top.ts';
import type { Catalogue, ListFilter } from './catalogue.ts';

/** What is popular, in this process' memory: no request asks the database for it. */
export interface Popular {
  /**
   * The `count` most popular available products that fit and that `accept` takes, best first; then, in the order of
   * their numbers, those that nothing happened to. Fewer only where fewer exist. Undefined: no such category.
   */
  pick(filter: ListFilter, count: number, accept: (number: number) => boolean): number[] | undefined;
  /** From 0 to 1, the most popular product being 1: both counted as of now, so the share stays as time goes by. */
  shareOf(number: number): number;
  close(): void;
}

interface PopularParts {
  db: Db;
  log: Log;
  catalogue: Catalogue;
  /** How often the most popular are read. */
  refreshMs?: number;
}

/** Read every few seconds: what the lists of new users are made of. */
const most = 2_000;
/** All others are read this often: they only matter where a filter leaves none of the former. */
const allMs = 600_000;
const page = 10_000;
/** Orders of so many filters are kept. */
const keptOrders = 64;
const firstDepth = 256;

interface Order {
  made: number;
  depth: number;
  numbers: Uint32Array;
}

/** Load what is popular and keep it up to date. Resolves when it is loaded, or when the first try has failed. */
export const startPopular = async (parts: PopularParts): Promise<Popular> => {
  const { db, log, catalogue, refreshMs = 5_000 } = parts;
  /** Logarithms, by number; minus infinity for what nothing happened to. */
  let scores = new Float32Array(1_024).fill(Number.NEGATIVE_INFINITY);
  let highest = Number.NEGATIVE_INFINITY;
  let made = 0;
  let allAt = Number.NEGATIVE_INFINITY;
  let closed = false;
  const orders = new Map<string, Order>();

  const put = ({ numbers, scores: read }: { numbers: Uint32Array; scores: Float64Array }) => {
    for (const [at, number] of numbers.entries()) {
      if (number >= scores.length) {
        const longer = new Float32Array(Math.max(2 * scores.length, number + 1)).fill(
          Number.NEGATIVE_INFINITY,
        );
        longer.set(scores);
        scores = longer;
      }
      const score = Math.fround(read[at] as number);
      scores[number] = score;
      highest = Math.max(highest, score);
    }
    made += 1;
  };

  const refresh = async () => {
    if (performance.now() - allAt >= allMs) {
      for (let after = 0; !closed; ) {
        const next = await listPopularScores(db, after, page);
        if (!next) break;
        put(next);
        after = next.last;
      }
      allAt = performance.now();
    }
    put(await listMostPopular(db, most));
  };

  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  const refreshOn = async () => {
    try {
      await refresh();
      failing = false;
    } catch (error) {
      if (!failing && !closed) log.warn({ err: error, msg: 'what is popular cannot be read' });
      failing = true;
    }
    if (!closed) timer = setTimeout(() => void refreshOn(), refreshMs).unref();
  };
  await refreshOn();

  // Lower than any logarithm there is, but not left out.
  const scoreOf = (number: number): number => Math.max(scores[number] ?? Number.NEGATIVE_INFINITY, -3e38);

  const makeOrder = (bits: Uint8Array, depth: number): Uint32Array => {
    const few = catalogue.numbersOf(bits, depth - 1);
    if (few) return Uint32Array.from(few.sort((a, b) => scoreOf(b) - scoreOf(a) || a - b));
    const fitting = new Float32Array(8 * bits.length).fill(Number.NEGATIVE_INFINITY);
    for (let at = 0; at < bits.length; at += 1) {
      for (let octet = bits[at] as number, number = 8 * at; octet !== 0; octet >>= 1, number += 1)
        if (octet & 1) fitting[number] = scoreOf(number);
    }
    return topItems(fitting, depth).items;
  };

  /** The first `depth` that fit, from a moment ago or, when that is not new enough, made now. */
  const orderOf = (filter: ListFilter, depth: number, fresh: boolean): Order | undefined => {
    const key = `${filter.category ?? ''} ${filter.minPrice ?? ''} ${filter.maxPrice ?? ''}`;
    const known = orders.get(key);
    if (!fresh && known?.made === made && known.depth >= depth) return known;
    const bits = catalogue.allowed(filter);
    if (!bits) return undefined;
    const order = { made, depth, numbers: makeOrder(bits, depth) };
    orders.delete(key);
    orders.set(key, order);
    const [oldest] = orders.keys();
    if (orders.size > keptOrders && oldest !== undefined) orders.delete(oldest);
    return order;
  };

  return {
    pick(filter, count, accept) {
      const resolved = catalogue.resolve(filter);
      if (!resolved) return undefined;
      // What came or was shown since an order was made is not in it: a short one is made anew before it counts.
      for (let depth = firstDepth, fresh = false; ; fresh = true) {
        const order = orderOf(filter, depth, fresh);
        if (!order) return undefined;
        const picked: number[] = [];
        for (const number of order.numbers) {
          if (picked.length === count) return picked;
          if (catalogue.allows(number, resolved) && accept(number)) picked.push(number);
        }
        if (picked.length === count || (fresh && order.numbers.length < order.depth)) return picked;
        if (order.numbers.length === order.depth) depth = 8 * order.depth;
      }
    },
    shareOf(number) {
      const score = scores[number] ?? Number.NEGATIVE_INFINITY;
      // While nothing happened to any product the highest is minus infinity too, and their difference no number.
      return score === Number.NEGATIVE_INFINITY ? 0 : Math.min(Math.exp(score - highest), 1);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
};
