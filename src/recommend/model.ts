import type { Dense, DenseProducts } from './dense.ts';
import { coOccurrence, itemSimilarity } from './item-similarity.ts';
import type { Neighbours } from './kernels.ts';
import { decompose, type LowRank, lowRank } from './low-rank.ts';
import type { Parameters } from './parameters.ts';
import { type Signals, trainingMatrix } from './signals.ts';
import type { Sparse } from './sparse.ts';

/** A trained collaborative model: linear, so that a user's scores come from their signals alone. */
export interface Model {
  parameters: Parameters;
  itemCount: number;
  local: Neighbours;
  lowRank: LowRank;
}

/** What the heavy parts of training and scoring run on. */
export interface Compute {
  threads: number;
  dense: DenseProducts;
}

/** In place of a low-rank part whose share is nothing. */
export const noLowRank = (items: number): LowRank => ({
  factors: { rows: items, columns: 0, values: new Float32Array() },
  into: new Float32Array(items),
});

/** Train with these parameters. The same signals and seed give the same model, but for rounding. */
export const fitModel = async (
  signals: Signals,
  parameters: Parameters,
  compute: Compute,
  { seed = 1, onProgress }: { seed?: number; onProgress?: (done: number, part: string) => void } = {},
): Promise<Model> => {
  const matrix = trainingMatrix(signals, parameters);
  onProgress?.(0, 'item similarity');
  const local = itemSimilarity(
    await coOccurrence(matrix, parameters.local, compute.threads),
    parameters.local,
  );
  onProgress?.(0.4, 'low rank');
  const decomposition =
    parameters.lowRankShare > 0 && (await decompose(matrix, { ...parameters.lowRank, seed }, compute));
  const model = {
    parameters,
    itemCount: matrix.columns,
    local,
    lowRank: decomposition ? lowRank(decomposition, parameters.lowRank) : noLowRank(matrix.columns),
  };
  onProgress?.(1, 'done');
  return model;
};

/** A loop over one entry takes about as long as the runtime for so many, and longer where it jumps about. */
const worthMultiplying = 10;
const worthSquaring = 80;
/** Floats of the largest square of items that is kept beside their neighbours: 64 MB of them. */
const mostSquared = 16_000_000;
const squares = new WeakMap<Neighbours, Dense>();

/**
 * Sᵀ as a square of items, what is nobody's neighbour being 0: with it, users' scores are one product of matrices.
 * Undefined where there are too many items.
 */
export const squareOf = ({
  local,
  itemCount: items,
}: Pick<Model, 'local' | 'itemCount'>): Dense | undefined => {
  if (items * items > mostSquared) return undefined;
  const known = squares.get(local);
  if (known) return known;
  const values = new Float32Array(items * items);
  for (let own = 0; own < items; own += 1) {
    const first = own * local.width;
    for (let place = first; place < first + (local.counts[own] as number); place += 1)
      values[(local.items[place] as number) * items + own] = local.strengths[place] as number;
  }
  const square = { rows: items, columns: items, values };
  squares.set(local, square);
  return square;
};

/** r·S of one user: a sum for each item, and the items that have one. */
export interface LocalScores {
  sums: Float32Array;
  /** Items it says something of, each once. */
  said: Uint32Array;
}

/** r·S, one user after the other, and of each only what their neighbourhoods reach. */
const walkLocal = (
  { local: { width, counts, items, strengths }, itemCount }: Pick<Model, 'local' | 'itemCount'>,
  profiles: Sparse,
): ((user: number) => LocalScores) => {
  const sums = new Float32Array(itemCount);
  const reached = new Uint8Array(itemCount);
  const said = new Uint32Array(itemCount);
  let found = 0;
  return (user) => {
    for (let place = 0; place < found; place += 1) {
      sums[said[place] as number] = 0;
      reached[said[place] as number] = 0;
    }
    found = 0;
    for (let at = profiles.starts[user] as number; at < (profiles.starts[user + 1] as number); at += 1) {
      const weight = profiles.values[at] as number;
      const first = (profiles.indices[at] as number) * width;
      const last = first + (counts[profiles.indices[at] as number] as number);
      for (let place = first; place < last; place += 1) {
        const item = items[place] as number;
        if (reached[item] === 0) {
          reached[item] = 1;
          said[found] = item;
          found += 1;
        }
        sums[item] = (sums[item] as number) + weight * (strengths[place] as number);
      }
    }
    return { sums, said: said.subarray(0, found) };
  };
};

/** r·S of the local part for every user of a batch. @returns a user's, valid until the next is asked for. */
const localScores = async (
  { local, itemCount }: Pick<Model, 'local' | 'itemCount'>,
  profiles: Sparse,
  dense: DenseProducts,
): Promise<(user: number) => LocalScores> => {
  let steps = 0;
  for (let at = profiles.starts[0] as number; at < (profiles.starts[profiles.rows] as number); at += 1)
    steps += local.counts[profiles.indices[at] as number] as number;
  const square =
    steps * worthSquaring > profiles.rows * itemCount * itemCount
      ? squareOf({ local, itemCount })
      : undefined;
  if (!square) return walkLocal({ local, itemCount }, profiles);
  const { values } = await dense.multiply(spread(profiles), square, { right: true });
  const said = Uint32Array.from({ length: itemCount }, (_, item) => item);
  return (user) => ({ sums: values.subarray(user * itemCount, (user + 1) * itemCount), said });
};

/** The entries among zeros, weighed where there are weights. */
const spread = ({ rows, columns, starts, indices, values }: Sparse, weights?: Float32Array): Dense => {
  const spread = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let at = starts[row] as number; at < (starts[row + 1] as number); at += 1) {
      const column = indices[at] as number;
      spread[row * columns + column] = (values[at] as number) * (weights?.[column] ?? 1);
    }
  }
  return { rows, columns, values: spread };
};

/** The same times the factors, without the zeros. */
const project = (
  { rows, starts, indices, values }: Sparse,
  weights: Float32Array,
  { columns: rank, values: factors }: Dense,
): Float32Array => {
  const projected = new Float32Array(rows * rank);
  for (let row = 0; row < rows; row += 1) {
    const first = row * rank;
    for (let at = starts[row] as number; at < (starts[row + 1] as number); at += 1) {
      const item = indices[at] as number;
      const weight = (values[at] as number) * (weights[item] as number);
      for (let column = 0; column < rank; column += 1)
        projected[first + column] =
          (projected[first + column] as number) + weight * (factors[item * rank + column] as number);
    }
  }
  return projected;
};

/** The low-rank part's scores of every user of a batch, users × items; in `room` where that is given and large enough. */
export const lowRankScores = async (
  { factors, into }: LowRank,
  profiles: Sparse,
  dense: DenseProducts,
  room?: Float32Array,
): Promise<Float32Array> => {
  const entries = (profiles.starts[profiles.rows] as number) - (profiles.starts[0] as number);
  const left =
    entries * worthMultiplying > profiles.rows * factors.rows
      ? await dense.multiply(spread(profiles, into), factors)
      : { rows: profiles.rows, columns: factors.columns, values: project(profiles, into, factors) };
  const { values } = await dense.multiply(left, factors, { right: true, room });
  return values;
};

/** Set what a user has seen to `value`. */
const setSeen = (scores: Float32Array, seen: Sparse, user: number, value: number): void => {
  for (let at = seen.starts[user] as number; at < (seen.starts[user + 1] as number); at += 1)
    scores[seen.indices[at] as number] = value;
};

/** Four sums, so that an addition need not wait for the one before: half the time. */
const rootMeanSquare = (scores: Float32Array): number => {
  let one = 0;
  let two = 0;
  let three = 0;
  let four = 0;
  let item = 0;
  for (; item + 3 < scores.length; item += 4) {
    const first = scores[item] as number;
    const second = scores[item + 1] as number;
    const third = scores[item + 2] as number;
    const fourth = scores[item + 3] as number;
    one += first * first;
    two += second * second;
    three += third * third;
    four += fourth * fourth;
  }
  for (; item < scores.length; item += 1) one += (scores[item] as number) ** 2;
  return Math.sqrt((one + two + three + four) / scores.length);
};

/** The same of what is said, nothing being said of the other items. */
const loudness = ({ sums, said }: LocalScores): number => {
  let sum = 0;
  for (let place = 0; place < said.length; place += 1) {
    const score = sums[said[place] as number] as number;
    sum += score * score;
  }
  return Math.sqrt(sum / sums.length);
};

const addLocal = (row: Float32Array, { sums, said }: LocalScores, factor: number): void => {
  for (let place = 0; place < said.length; place += 1) {
    const item = said[place] as number;
    row[item] = (row[item] as number) + factor * (sums[item] as number);
  }
};

/**
 * Every item's score for every user of a batch, users × items: both parts scaled to the same root mean square over what
 * the user has not seen, then added by their shares. A user's scores are on a scale of the user's own: they rank, and
 * compare with one another only. What is seen scores minus infinity; `onLocal` is told what the local part says of
 * every item, seen or not, user by user; that lasts until it returns. Memory: a block of users × items, or `room` where
 * that is given and large enough; a batch is some hundred users.
 */
export const scoreUsers = async (
  model: Pick<Model, 'parameters' | 'itemCount' | 'local' | 'lowRank'>,
  batch: { profiles: Sparse; seen: Sparse },
  dense: DenseProducts,
  { room, onLocal }: { room?: Float32Array; onLocal?: (user: number, local: LocalScores) => void } = {},
): Promise<Float32Array> => {
  const share = model.parameters.lowRankShare;
  const items = model.itemCount;
  const users = batch.profiles.rows;
  const scores =
    share > 0
      ? await lowRankScores(model.lowRank, batch.profiles, dense, room)
      : new Float32Array(users * items);
  const localOf = share < 1 || onLocal ? await localScores(model, batch.profiles, dense) : undefined;
  for (let user = 0; user < users; user += 1) {
    const row = scores.subarray(user * items, (user + 1) * items);
    setSeen(row, batch.seen, user, 0);
    if (localOf) {
      const local = localOf(user);
      onLocal?.(user, local);
      setSeen(local.sums, batch.seen, user, 0);
      // As loud as its share, the low-rank part staying as it is: walking through all items is what takes time here.
      const lowRankScale = share / (rootMeanSquare(row) || 1) || 1;
      addLocal(row, local, (1 - share) / (loudness(local) || 1) / lowRankScale);
    }
    setSeen(row, batch.seen, user, Number.NEGATIVE_INFINITY);
  }
  return scores;
};
