import type { Hits, VectorIndex } from '../vectors/vector-index.ts';
import type { ListMaker } from './list-maker.ts';
import { blendSimilar, listLength, type SimilarList } from './similar-lists.ts';

/** Of what goes with a product by the model, so many can stand on its list. */
const collaborativeLength = 50;

/** The first `most` hits other than the product itself. */
const withoutSelf = ({ numbers, scores }: Hits, self: number, most: number): Hits => {
  const kept = [...numbers.keys()].filter((at) => numbers[at] !== self).slice(0, most);
  return {
    numbers: Uint32Array.from(kept, (at) => numbers[at] as number),
    scores: Float32Array.from(kept, (at) => scores[at] as number),
  };
};

/** Rows of `vectors` that are not all zeros: products that have a vector. */
const rowsWithVector = (vectors: Float32Array, rows: number, dim: number): number[] =>
  Array.from({ length: rows }, (_, row) => row).filter((row) =>
    vectors.subarray(row * dim, (row + 1) * dim).some((value) => value !== 0),
  );

/**
 * The nearest products by content of each of these, at most a hundred; undefined for one that has no vector.
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

const noHits: Hits = { numbers: new Uint32Array(), scores: new Float32Array() };

/**
 * The lists of similar products of each of these, by content and by the model in use.
 * @throws RetryableError when no index is loaded, or the model went away.
 */
export const makeSimilar = async (
  { vectors, lists }: { vectors: VectorIndex; lists: ListMaker },
  numbers: readonly number[],
): Promise<Map<number, SimilarList>> => {
  const [near, beside] = await Promise.all([
    findSimilar(vectors, numbers),
    lists.neighbours(Uint32Array.from(numbers), collaborativeLength),
  ]);
  return new Map(
    numbers.map((number, at) => {
      const [from, to] = [beside.starts[at] as number, beside.starts[at + 1] as number];
      const collaborative = {
        numbers: beside.numbers.subarray(from, to),
        scores: beside.scores.subarray(from, to),
      };
      return [number, blendSimilar(near.get(number) ?? noHits, collaborative, listLength)];
    }),
  );
};
