import type { Parameters } from './parameters.ts';
import { cellOrder, emptySparse, type Sparse } from './sparse.ts';

/** What users did, one entry a deed, in any order. Users and items are numbered from 0. */
export interface Signals {
  userCount: number;
  itemCount: number;
  users: Uint32Array;
  items: Uint32Array;
  /** By kind; below zero counts against the item (a refund), so that a purchase and its refund are nothing. */
  weights: Float32Array;
  /** From 0.5 to 5; 0: not a rating. */
  ratings: Float32Array;
  /** Seconds since 1970. */
  times: Float64Array;
}

/** The middle of one to five. A rating above it is liking, below it dislike, and 3 itself neither. */
const middle = 3;

/** Does this deed speak for the item? What evaluation hides and asks for are these. */
export const isLiking = ({ weights, ratings }: Signals, at: number): boolean =>
  (weights[at] as number) > 0 && (ratings[at] === 0 || (ratings[at] as number) > middle);

/** The same signals without those for which `keep` says no. */
export const filterSignals = (signals: Signals, keep: (at: number) => boolean): Signals => {
  const places: number[] = [];
  for (let at = 0; at < signals.users.length; at += 1) if (keep(at)) places.push(at);
  const order = Uint32Array.from(places);
  const pick = <T extends Uint32Array | Float32Array | Float64Array>(from: T, to: T): T => {
    order.forEach((at, place) => {
      to[place] = from[at] as number;
    });
    return to;
  };
  return {
    ...signals,
    users: pick(signals.users, new Uint32Array(order.length)),
    items: pick(signals.items, new Uint32Array(order.length)),
    weights: pick(signals.weights, new Float32Array(order.length)),
    ratings: pick(signals.ratings, new Float32Array(order.length)),
    times: pick(signals.times, new Float64Array(order.length)),
  };
};

/** Every item that a user had to do with, whatever it counts: what a list leaves out. */
export const seenItems = (signals: Signals): Sparse => {
  const matrix = collect(signals, () => 1);
  return { ...matrix, values: matrix.values.fill(1) };
};

/** R for training: what speaks for items, without regard to age. */
export const trainingMatrix = (signals: Signals, { signals: how }: Parameters): Sparse =>
  collect(signals, (sum) => (sum > 0 ? sum ** how.power : 0), { disliked: 0 });

/**
 * Users' signals as a model scores them: faded with age from the user's own latest signal, so that old data fade as
 * little as new ones, and with what counts against an item.
 */
export const profiles = (signals: Signals, { signals: how }: Parameters): Sparse => {
  const latest = new Float64Array(signals.userCount).fill(Number.NEGATIVE_INFINITY);
  signals.users.forEach((user, at) => {
    latest[user] = Math.max(latest[user] as number, signals.times[at] as number);
  });
  const rate = how.halfLifeDays === null ? 0 : Math.LN2 / (how.halfLifeDays * 86_400);
  return collect(
    signals,
    (sum, user, time) =>
      Math.sign(sum) * Math.abs(sum) ** how.power * Math.exp((time - (latest[user] as number)) * rate),
    how,
  );
};

/** One value for each user and item, from the sum of the weights and the latest time; cells worth nothing are left out. */
const collect = (
  signals: Signals,
  value: (sum: number, user: number, latest: number) => number,
  ratings?: { disliked: number },
): Sparse => {
  const { users, items, userCount, itemCount } = signals;
  const order = cellOrder(users, userCount, items, itemCount);
  const matrix = emptySparse(userCount, itemCount, order.length);
  const weigh = (at: number): number => {
    const weight = signals.weights[at] as number;
    const rating = signals.ratings[at] as number;
    if (!ratings || rating === 0 || rating > middle) return weight;
    return rating < middle ? ratings.disliked * weight : 0;
  };
  let filled = 0;
  let at = 0;
  for (let user = 0; user < userCount; user += 1) {
    while (at < order.length && users[order[at] as number] === user) {
      const item = items[order[at] as number] as number;
      let sum = 0;
      let time = Number.NEGATIVE_INFINITY;
      for (; at < order.length; at += 1) {
        const entry = order[at] as number;
        if (users[entry] !== user || items[entry] !== item) break;
        sum += weigh(entry);
        time = Math.max(time, signals.times[entry] as number);
      }
      // Single precision weights that cancel leave a crumb.
      const cell = ratings && Math.abs(sum) < 1e-6 ? 0 : value(sum, user, time);
      if (cell === 0) continue;
      matrix.indices[filled] = item;
      matrix.values[filled] = cell;
      filled += 1;
    }
    matrix.starts[user + 1] = filled;
  }
  return {
    ...matrix,
    indices: matrix.indices.subarray(0, filled),
    values: matrix.values.subarray(0, filled),
  };
};
