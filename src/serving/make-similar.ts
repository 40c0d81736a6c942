import type { Hits, VectorIndex } from '../vectors/vector-index.ts';
import { listLength, withoutSelf } from './similar-lists.ts';

/** Rows of `vectors` that are not all zeros: products that have a vector. */
const rowsWithVector = (vectors: Float32Array, rows: number, dim: number): number[] =>
  Array.from({ length: rows }, (_, row) => row).filter((row) =>
    vectors.subarray(row * dim, (row + 1) * dim).some((value) => value !== 0),
  );

/**
 * The nearest products of each of these, at most a hundred; undefined for one that has no vector.
 * @throws RetryableError when no index is loaded.
 */
export const findSimilar = async (
  index: VectorIndex,
  numbers: readonly number[],
  { k = listLength, allowed }: { k?: number; allowed?: Uint8Array } = {},
): Promise<Map<number, Hits | undefined>> => {
  const found = new Map<number, Hits | undefined>(numbers.map((number) => [number, undefined]));
  const dim = index.manifest?.dim ?? 0;
  const model = index.manifest?.model;
  const vectors = await index.vectors(Uint32Array.from(numbers));
  const rows = rowsWithVector(vectors, numbers.length, dim);
  if (rows.length === 0) return found;
  const queries = new Float32Array(rows.length * dim);
  rows.forEach((row, at) => {
    queries.set(vectors.subarray(row * dim, (row + 1) * dim), at * dim);
  });
  const hits = await index.search(queries, {
    k: k + 1,
    ...(allowed && { allowed }),
    ...(model !== undefined && { model }),
  });
  rows.forEach((row, at) => {
    const number = numbers[row] as number;
    found.set(number, withoutSelf(hits[at] as Hits, number, k));
  });
  return found;
};
