import type { Db } from '../db/database.ts';
import { listVectorsIn, listVectorsOf, type VectorRows } from '../db/product-vectors.ts';
import type { ShardRows } from '../vectors/shard-builder.ts';

/** Rows of one statement: some megabytes, some tens of milliseconds. */
const batchRows = 2_000;

/**
 * Put rows together in memory that is taken once; should more come than were expected, it grows.
 */
const gather = async (
  dim: number,
  expected: number,
  batches: AsyncIterable<VectorRows>,
): Promise<ShardRows> => {
  let room = expected;
  let ids = new Uint8Array(room * 16);
  let numbers = new Uint32Array(room);
  let vectors = new Float32Array(room * dim);
  let rows = 0;
  for await (const batch of batches) {
    if (!batch.ids || !batch.numbers || !batch.vectors) continue;
    const after = rows + batch.numbers.length;
    if (batch.vectors.length !== batch.numbers.length * dim * 4) {
      throw new Error(`a vector has not ${dim} dimensions`);
    }
    if (after > room) {
      room = Math.ceil(after * 1.1);
      const [fewIds, fewNumbers, fewVectors] = [ids, numbers, vectors];
      ids = new Uint8Array(room * 16);
      ids.set(fewIds);
      numbers = new Uint32Array(room);
      numbers.set(fewNumbers);
      vectors = new Float32Array(room * dim);
      vectors.set(fewVectors);
    }
    ids.set(batch.ids, rows * 16);
    numbers.set(batch.numbers, rows);
    new Uint8Array(vectors.buffer).set(batch.vectors, rows * dim * 4);
    rows = after;
  }
  if (rows === room) return { ids, numbers, vectors, dim };
  return {
    ids: ids.slice(0, rows * 16),
    numbers: numbers.slice(0, rows),
    vectors: vectors.slice(0, rows * dim),
    dim,
  };
};

interface Source {
  model: string;
  dim: number;
}

/** The rows of these buckets, of which there should be about `expected`. */
export const gatherBuckets = (
  db: Db,
  { model, dim, buckets, expected }: Source & { buckets: readonly number[]; expected: number },
): Promise<ShardRows> => {
  const perBatch = Math.max(1, Math.floor((batchRows * buckets.length) / Math.max(expected, 1)));
  return gather(
    dim,
    expected,
    (async function* () {
      for (let from = 0; from < buckets.length; from += perBatch) {
        yield await listVectorsIn(db, model, buckets.slice(from, from + perBatch));
      }
    })(),
  );
};

/** The rows of these products. */
export const gatherProducts = (
  db: Db,
  { model, dim, ids }: Source & { ids: readonly string[] },
): Promise<ShardRows> =>
  gather(
    dim,
    ids.length,
    (async function* () {
      for (let from = 0; from < ids.length; from += batchRows) {
        yield await listVectorsOf(db, model, ids.slice(from, from + batchRows));
      }
    })(),
  );
