import { type LoadedIndex, vectorsOf } from './loaded-index.ts';

/** Sums of products' vectors: sum s is of `numbers` from `starts[s]` up to, not including, `starts[s + 1]`. */
export interface WeightedSums {
  starts: Uint32Array;
  /** Product numbers. */
  numbers: Uint32Array;
  /** How much each of them counts. */
  weights: Float32Array;
}

/** Shorter than this is nothing: what is left when opposites cancel each other. */
const leastLength = 1e-6;

/**
 * The sums as unit vectors, one after another, but for those that come to nothing, because none of their products has a
 * vector. `asked[i]` is the sum that the i-th of them is.
 */
export const unitSums = (
  index: LoadedIndex,
  { starts, numbers, weights }: WeightedSums,
): { asked: number[]; queries: Float32Array } => {
  const { dim } = index;
  const distinct = Uint32Array.from(new Set(numbers));
  const rowOf = new Map(Array.from(distinct, (number, row) => [number, row]));
  const vectors = vectorsOf(index, distinct);
  const queries = new Float32Array((starts.length - 1) * dim);
  const asked: number[] = [];
  for (let sum = 0; sum + 1 < starts.length; sum += 1) {
    const query = queries.subarray(asked.length * dim, (asked.length + 1) * dim).fill(0);
    for (let at = starts[sum] as number; at < (starts[sum + 1] as number); at += 1) {
      const first = (rowOf.get(numbers[at] as number) as number) * dim;
      const weight = weights[at] as number;
      for (let axis = 0; axis < dim; axis += 1)
        query[axis] = (query[axis] as number) + weight * (vectors[first + axis] as number);
    }
    let squares = 0;
    for (let axis = 0; axis < dim; axis += 1) squares += (query[axis] as number) * (query[axis] as number);
    const length = Math.sqrt(squares);
    if (length < leastLength) continue;
    for (let axis = 0; axis < dim; axis += 1) query[axis] = (query[axis] as number) / length;
    asked.push(sum);
  }
  return { asked, queries: queries.subarray(0, asked.length * dim) };
};
