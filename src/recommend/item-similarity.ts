import { withComputePool } from './compute-pool.ts';
import type { Neighbours } from './kernels.ts';
import type { Parameters } from './parameters.ts';
import {
  columnSums,
  power,
  rowSums,
  type Sparse,
  sharedFloats,
  sharedIntegers,
  transpose,
} from './sparse.ts';

/** Users with more signals than this (robots, shared accounts) say little and would cost their square. */
const maxUserItems = 2_000;

/** Co-occurrence D_u^-b weighted, before the exponents of items: from it S follows for any a, c and q in one pass. */
export interface CoOccurrence {
  neighbours: Neighbours;
  itemSums: Float64Array;
}

/**
 * Rᵀ·D_u^-b·R without its diagonal, the strongest neighbours of each item by their entry over D_i^c. The item itself
 * is only a factor of its row, and q keeps order, so neither a nor q has a say in which are the strongest.
 * Keeping 300 cost less than 0.2 % of recall@20 on 40,000 items.
 */
export const coOccurrence = async (
  matrix: Sparse,
  { b, c, neighbours }: Pick<Parameters['local'], 'b' | 'c' | 'neighbours'>,
  threads: number,
): Promise<CoOccurrence> => {
  const itemSums = columnSums(matrix);
  const half = power(rowSums(matrix), -b / 2);
  const byUser = { ...matrix, values: sharedFloats(matrix.values.length) };
  for (let user = 0; user < matrix.rows; user += 1) {
    const first = matrix.starts[user] as number;
    const last = matrix.starts[user + 1] as number;
    const share = last - first > maxUserItems ? 0 : (half[user] as number);
    for (let at = first; at < last; at += 1) byUser.values[at] = (matrix.values[at] as number) * share;
  }
  const width = Math.max(1, Math.min(neighbours, matrix.columns - 1));
  const out: Neighbours = {
    width,
    counts: sharedIntegers(matrix.columns),
    items: sharedIntegers(matrix.columns * width),
    strengths: sharedFloats(matrix.columns * width),
  };
  const task = { byUser, byItem: transpose(byUser), rank: power(itemSums, -c), out };
  // Popular items stand anywhere, so ranges are small: the last thread at work has little left.
  const step = Math.max(16, Math.ceil(matrix.columns / 128));
  await withComputePool(threads, (run) => run('strongestNeighbours', task, matrix.columns, step));
  return { neighbours: out, itemSums };
};

/**
 * S = (D_i^-a · C · D_i^-c)^q. Item-kNN with cosine is a = c = ½; P3α and RP3β (Paudel et al. 2017), asymmetric cosine
 * with locality (Aiolli 2013) and LinkProp (Fu et al. 2022) are other points of it.
 */
export const itemSimilarity = (
  { neighbours, itemSums }: CoOccurrence,
  { a, c, q }: Pick<Parameters['local'], 'a' | 'c' | 'q'>,
): Neighbours => {
  const from = power(itemSums, -a);
  const to = power(itemSums, -c);
  const { width, counts, items, strengths } = neighbours;
  const similar = new Float32Array(strengths.length);
  for (let item = 0; item < counts.length; item += 1) {
    const last = item * width + (counts[item] as number);
    for (let at = item * width; at < last; at += 1) {
      const strength =
        (strengths[at] as number) * (from[item] as number) * (to[items[at] as number] as number);
      similar[at] = q === 1 ? strength : strength ** q;
    }
  }
  return { ...neighbours, strengths: similar };
};
