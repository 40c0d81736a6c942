import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type LoadedShard, loadShard, readRows } from './loaded-shard.ts';
import { type Manifest, sameShard, shardsOf } from './manifest.ts';
import { searchShard, type UsableRows } from './shard-search.ts';

/** A generation, open for searching, in the thread. */
export interface LoadedIndex {
  model: string;
  dim: number;
  /** The delta first, if there is one: what is in it is not looked for anywhere else. */
  shards: LoadedShard[];
  /** For each shard, the rows that the delta does not replace. */
  usable: UsableRows[];
  /** By product number: the shard's place in `shards` and the row in it; -1 for none. */
  shardOf: Int16Array;
  rowOf: Int32Array;
}

/** Hits of several queries one after another. */
export interface PackedHits {
  counts: Uint32Array;
  numbers: Uint32Array;
  scores: Float32Array;
}

const place = ({ model, dim }: Manifest, shards: LoadedShard[]): LoadedIndex => {
  let size = 0;
  for (const { numbers } of shards) for (const number of numbers) size = Math.max(size, number + 1);
  const shardOf = new Int16Array(size).fill(-1);
  const rowOf = new Int32Array(size);
  const usable = shards.map(({ numbers }, shard) => {
    const own: number[] = [];
    for (const [row, number] of numbers.entries()) {
      if (shardOf[number] !== -1) continue;
      shardOf[number] = shard;
      rowOf[number] = row;
      own.push(row);
    }
    return own.length === numbers.length ? undefined : Uint32Array.from(own);
  });
  return { model, dim, shards, usable, shardOf, rowOf };
};

/**
 * Load what the manifest names; shards that `before` has too are taken from there. Searches go on in between.
 * @throws Refusal when a file is not what the manifest says; nothing of the new generation stays open then.
 */
export const loadIndex = async (
  manifest: Manifest,
  path: (key: string) => string,
  before: LoadedIndex | undefined,
): Promise<LoadedIndex> => {
  const shards: LoadedShard[] = [];
  const opened: LoadedShard[] = [];
  try {
    for (const shard of shardsOf(manifest)) {
      const kept = before?.shards.find((old) => old.dim === manifest.dim && sameShard(old.shard, shard));
      if (kept) {
        shards.push({ ...kept, shard });
      } else {
        const loaded = await loadShard(shard, manifest.dim, path);
        opened.push(loaded);
        shards.push(loaded);
        await setImmediate();
      }
    }
    return place(manifest, shards);
  } catch (error) {
    for (const { npy } of opened) closeSync(npy);
    throw error;
  }
};

/** Close the files of an index but for those that `kept` goes on using. FAISS's memory goes with the objects. */
export const closeIndex = (index: LoadedIndex, kept?: LoadedIndex): void => {
  const inUse = new Set(kept?.shards.map(({ npy }) => npy));
  for (const { npy } of index.shards) if (!inUse.has(npy)) closeSync(npy);
};

const isAllowed = (allowed: Uint8Array, number: number): boolean =>
  ((allowed[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;

const usableRows = (
  { numbers }: LoadedShard,
  own: UsableRows,
  allowed: Uint8Array | undefined,
): UsableRows => {
  if (!allowed) return own;
  const rows = new Uint32Array(own?.length ?? numbers.length);
  let count = 0;
  for (let at = 0; at < rows.length; at += 1) {
    const row = own ? (own[at] as number) : at;
    if (isAllowed(allowed, numbers[row] as number)) rows[count++] = row;
  }
  return rows.subarray(0, count);
};

/** The `k` best products for each query out of all shards; equal scores in the order of their numbers. */
export const searchIndex = (
  index: LoadedIndex,
  queries: Float32Array,
  k: number,
  allowed: Uint8Array | undefined,
): PackedHits => {
  const best = Array.from(
    { length: queries.length / index.dim },
    () => [] as { number: number; score: number }[],
  );
  for (const [at, shard] of index.shards.entries()) {
    const found = searchShard(shard, queries, k, usableRows(shard, index.usable[at], allowed));
    for (const [query, { rows, scores }] of found.entries()) {
      for (const [hit, row] of rows.entries()) {
        best[query]?.push({ number: shard.numbers[row] as number, score: scores[hit] as number });
      }
    }
  }
  const cut = best.map((hits) => hits.sort((a, b) => b.score - a.score || a.number - b.number).slice(0, k));
  return {
    counts: Uint32Array.from(cut, (hits) => hits.length),
    numbers: Uint32Array.from(cut.flatMap((hits) => hits.map((hit) => hit.number))),
    scores: Float32Array.from(cut.flatMap((hits) => hits.map((hit) => hit.score))),
  };
};

/** The newest vector of each product; zeros for those that have none. */
export const vectorsOf = (
  { dim, shards, shardOf, rowOf }: LoadedIndex,
  numbers: Uint32Array,
): Float32Array => {
  const vectors = new Float32Array(numbers.length * dim);
  for (const [at, number] of numbers.entries()) {
    const shard = shards[shardOf[number] ?? -1];
    if (shard) readRows(shard, rowOf[number] as number, vectors.subarray(at * dim, (at + 1) * dim));
  }
  return vectors;
};
