import type { Sparse } from './sparse.ts';

/** The strongest neighbours of items: rows of `width` places, filled from the left, an item's own row by number. */
export interface Neighbours {
  width: number;
  /** How many of a row's places are taken. */
  counts: Uint32Array;
  items: Uint32Array;
  strengths: Float32Array;
}

export interface NeighbourTask {
  /** Users × items, every value already times its user's share of the normalisation. */
  byUser: Sparse;
  byItem: Sparse;
  /** By what a neighbour's strength is multiplied before the strongest are chosen, and only for that. */
  rank: Float32Array;
  out: Neighbours;
}

/** Put a pair where it belongs in the heap (weakest on top) whose root is at `root`, in place of what is there. */
const sink = (
  weights: Float32Array,
  items: Uint32Array,
  root: number,
  weight: number,
  item: number,
): void => {
  let at = root;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= weights.length) break;
    if (child + 1 < weights.length && (weights[child + 1] as number) < (weights[child] as number)) child += 1;
    if ((weights[child] as number) >= weight) break;
    weights[at] = weights[child] as number;
    items[at] = items[child] as number;
    at = child;
  }
  weights[at] = weight;
  items[at] = item;
};

/**
 * Co-occurrence of items `from` up to `to` with every other, of which the strongest are kept. One row of the product is
 * held at a time, so memory does not grow with the number of pairs.
 */
export const strongestNeighbours = (task: NeighbourTask, from: number, to: number): void => {
  const { byUser, byItem, rank, out } = task;
  const sums = new Float32Array(byUser.columns);
  const touched = new Uint32Array(byUser.columns);
  const heapWeights = new Float32Array(out.width);
  const heapItems = new Uint32Array(out.width);

  for (let item = from; item < to; item += 1) {
    let found = 0;
    for (let at = byItem.starts[item] as number; at < (byItem.starts[item + 1] as number); at += 1) {
      const user = byItem.indices[at] as number;
      const value = byItem.values[at] as number;
      const end = byUser.starts[user + 1] as number;
      for (let other = byUser.starts[user] as number; other < end; other += 1) {
        const neighbour = byUser.indices[other] as number;
        const sum = sums[neighbour] as number;
        if (sum === 0) {
          touched[found] = neighbour;
          found += 1;
        }
        sums[neighbour] = sum + value * (byUser.values[other] as number);
      }
    }

    let size = 0;
    for (let at = 0; at < found; at += 1) {
      const neighbour = touched[at] as number;
      if (neighbour === item) continue;
      const weight = (sums[neighbour] as number) * (rank[neighbour] as number);
      if (size < out.width) {
        heapWeights[size] = weight;
        heapItems[size] = neighbour;
        size += 1;
        // Full: from now on it is a heap.
        for (let root = size === out.width ? (size >> 1) - 1 : -1; root >= 0; root -= 1)
          sink(heapWeights, heapItems, root, heapWeights[root] as number, heapItems[root] as number);
      } else if (weight > (heapWeights[0] as number)) {
        sink(heapWeights, heapItems, 0, weight, neighbour);
      }
    }
    const row = item * out.width;
    const kept = heapItems.subarray(0, size).sort();
    kept.forEach((neighbour, place) => {
      out.items[row + place] = neighbour;
      out.strengths[row + place] = sums[neighbour] as number;
    });
    out.counts[item] = size;
    for (let at = 0; at < found; at += 1) sums[touched[at] as number] = 0;
  }
};

export interface GramTask {
  /** Users × items. */
  matrix: Sparse;
  /** Items × width, row after row. */
  block: Float32Array;
  out: Float32Array;
  width: number;
}

/**
 * Columns `from` up to `to` of AᵀA·block. Threads take columns, not users: each writes only its own, no result has to be
 * added up, and a user's side of the product is never stored.
 */
export const gramTimes = ({ matrix, block, out, width }: GramTask, from: number, to: number): void => {
  const { starts, indices, values } = matrix;
  const columns = to - from;
  const sums = new Float64Array(columns);
  for (let item = 0; item < matrix.columns; item += 1) out.fill(0, item * width + from, item * width + to);

  for (let user = 0; user < matrix.rows; user += 1) {
    const first = starts[user] as number;
    const last = starts[user + 1] as number;
    if (first === last) continue;
    sums.fill(0);
    let at = first;
    // Four items at a time: each sum is then loaded and stored a quarter as often, which is what these loops wait for.
    for (; at + 3 < last; at += 4) {
      const [v0, v1, v2, v3] = [values[at], values[at + 1], values[at + 2], values[at + 3]] as Four;
      const r0 = (indices[at] as number) * width + from;
      const r1 = (indices[at + 1] as number) * width + from;
      const r2 = (indices[at + 2] as number) * width + from;
      const r3 = (indices[at + 3] as number) * width + from;
      for (let column = 0; column < columns; column += 1)
        sums[column] =
          (sums[column] as number) +
          v0 * (block[r0 + column] as number) +
          v1 * (block[r1 + column] as number) +
          v2 * (block[r2 + column] as number) +
          v3 * (block[r3 + column] as number);
    }
    for (; at < last; at += 1) {
      const value = values[at] as number;
      const row = (indices[at] as number) * width + from;
      for (let column = 0; column < columns; column += 1)
        sums[column] = (sums[column] as number) + value * (block[row + column] as number);
    }
    for (at = first; at + 3 < last; at += 4) {
      const [v0, v1, v2, v3] = [values[at], values[at + 1], values[at + 2], values[at + 3]] as Four;
      const r0 = (indices[at] as number) * width + from;
      const r1 = (indices[at + 1] as number) * width + from;
      const r2 = (indices[at + 2] as number) * width + from;
      const r3 = (indices[at + 3] as number) * width + from;
      for (let column = 0; column < columns; column += 1) {
        const sum = sums[column] as number;
        out[r0 + column] = (out[r0 + column] as number) + v0 * sum;
        out[r1 + column] = (out[r1 + column] as number) + v1 * sum;
        out[r2 + column] = (out[r2 + column] as number) + v2 * sum;
        out[r3 + column] = (out[r3 + column] as number) + v3 * sum;
      }
    }
    for (; at < last; at += 1) {
      const value = values[at] as number;
      const row = (indices[at] as number) * width + from;
      for (let column = 0; column < columns; column += 1)
        out[row + column] = (out[row + column] as number) + value * (sums[column] as number);
    }
  }
};

type Four = [number, number, number, number];

/** What threads can be asked to do: each works on a range of its task. */
export const kernels = { strongestNeighbours, gramTimes };
