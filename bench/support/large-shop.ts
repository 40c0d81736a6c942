import { createRandom } from '../../src/demo/random.ts';
import type { Signals } from '../../src/recommend/signals.ts';

export interface ShopSize {
  users: number;
  items: number;
  signals: number;
}

/** Zipf-like: number `place` of `count` is drawn about as often as 1 / (place + 10)^0.8. */
export const skewed = (draw: number, count: number): number => {
  const low = 10 ** 0.2;
  return Math.min(count - 1, Math.floor((low + draw * ((count + 10) ** 0.2 - low)) ** 5 - 10));
};

/** What users of a generated shop did: popularity follows a power law, and users belong to a few of many tastes. */
export const generateSignals = ({
  users: userCount,
  items: itemCount,
  signals: signalCount,
}: ShopSize): Signals => {
  const random = createRandom(7, 'bench');
  const tastes = Math.max(8, Math.floor(itemCount / 200));
  const users = new Uint32Array(signalCount);
  const items = new Uint32Array(signalCount);
  const times = new Float64Array(signalCount);
  const mine = Array.from({ length: userCount }, () => [0, 1, 2].map(() => random.int(0, tastes - 1)));
  for (let at = 0; at < signalCount; at += 1) {
    // Most users have a dozen signals, some hundreds.
    const user = at < userCount * 5 ? at % userCount : skewed(random.next(), userCount);
    const popular = skewed(random.next(), itemCount);
    // Items of a taste are every so many-th by popularity, so that each has its own well-sellers.
    const taste = (mine[user] as number[])[random.int(0, 2)] as number;
    const own = skewed(random.next(), Math.floor(itemCount / tastes)) * tastes + taste;
    users[at] = user;
    items[at] = random.chance(0.7) ? own : popular;
    times[at] = 1_700_000_000 + random.int(0, 20_000_000);
  }
  const weights = new Float32Array(signalCount).map(() => (random.chance(0.2) ? 4 : 1));
  return { userCount, itemCount, users, items, weights, ratings: new Float32Array(signalCount), times };
};
