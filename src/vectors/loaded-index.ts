import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { topItems } from '../recommend/top.ts';
import { type LoadedShard, loadShard } from './loaded-shard.ts';
import { type Manifest, sameShard, shardsOf } from './manifest.ts';
import { type Found, readStretches, searchShard, type UsableRows } from './shard-search.ts';

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

/** What one query found in all shards, by products' numbers. */
const joinHits = (shards: readonly LoadedShard[], found: readonly Found[][], query: number) => {
  const count = found.reduce((sum, of) => sum + (of[query] as Found).rows.length, 0);
  const joined = { numbers: new Uint32Array(count), scores: new Float32Array(count) };
  let filled = 0;
  for (const [at, { numbers }] of shards.entries()) {
    const { rows, scores } = (found[at] as Found[])[query] as Found;
    joined.scores.set(scores, filled);
    for (const row of rows) joined.numbers[filled++] = numbers[row] as number;
  }
  return joined;
};

/** Sort those of equal scores, which lie side by side, by their numbers. */
const sortEqual = (numbers: Uint32Array, scores: Float32Array): void => {
  for (let first = 0; first < scores.length; ) {
    let next = first + 1;
    while (next < scores.length && scores[next] === scores[first]) next += 1;
    if (next - first > 1) numbers.subarray(first, next).sort();
    first = next;
  }
};

/** The `k` best products for each query out of all shards; equal scores in the order of their numbers. */
export const searchIndex = (
  index: LoadedIndex,
  queries: Float32Array,
  k: number,
  allowed: Uint8Array | undefined,
): PackedHits => {
  const found = index.shards.map((shard, at) =>
    searchShard(shard, queries, k, usableRows(shard, index.usable[at], allowed)),
  );
  const asked = queries.length / index.dim;
  const hits = {
    counts: new Uint32Array(asked),
    numbers: new Uint32Array(asked * k),
    scores: new Float32Array(asked * k),
  };
  let filled = 0;
  for (let query = 0; query < asked; query += 1) {
    const own = joinHits(index.shards, found, query);
    const { items: order, scores } = topItems(own.scores, own.scores.length);
    const numbers = order.map((at) => own.numbers[at] as number);
    sortEqual(numbers, scores);
    const count = Math.min(k, order.length);
    hits.counts[query] = count;
    hits.numbers.set(numbers.subarray(0, count), filled);
    hits.scores.set(scores.subarray(0, count), filled);
    filled += count;
  }
  return {
    ...hits,
    numbers: hits.numbers.slice(0, filled),
    scores: hits.scores.slice(0, filled),
  };
};

/** The newest vector of each product; zeros for those that have none. */
export const vectorsOf = (
  { dim, shards, shardOf, rowOf }: LoadedIndex,
  numbers: Uint32Array,
): Float32Array => {
  const vectors = new Float32Array(numbers.length * dim);
  const order = Uint32Array.from(numbers.keys()).sort(
    (a, b) => (rowOf[numbers[a] as number] ?? 0) - (rowOf[numbers[b] as number] ?? 0),
  );
  for (const [nth, shard] of shards.entries()) {
    const wanted = order.filter((at) => shardOf[numbers[at] as number] === nth);
    const rows = wanted.map((at) => rowOf[numbers[at] as number] as number);
    for (const { first, next, values } of readStretches(shard, rows)) {
      for (let place = first; place < next; place += 1) {
        const from = ((rows[place] as number) - (rows[first] as number)) * dim;
        vectors.set(values.subarray(from, from + dim), (wanted[place] as number) * dim);
      }
    }
  }
  return vectors;
};
