import { type LoadedShard, readRows } from './loaded-shard.ts';

/** Rows of a shard that may be found, ascending; undefined: all of them. */
export type UsableRows = Uint32Array | undefined;

/** What one query found in one shard: pairs of a row and its score, in no order. */
export interface Found {
  rows: number[];
  scores: number[];
}

// Below this many, reading the rows is quicker than asking FAISS for many more than are wanted.
const alwaysScan = 256;
// Of what the probed lists hold, FAISS may be asked for this part. Beyond it the best are no longer surely among them.
const askedPart = 1 / 4;
// Rows this near to each other are read in one go: a call costs as much as so many rows.
const readAcross = 8;
const blockRows = 1024;
/** What is read lies here, for new memory costs more than reading into it. */
let block = new Float32Array();

const dot = (a: Float32Array, aAt: number, b: Float32Array, bAt: number, dim: number): number => {
  // Not by destructuring, which makes V8 three times as slow here.
  let one = 0;
  let two = 0;
  let three = 0;
  let four = 0;
  let at = 0;
  for (; at + 3 < dim; at += 4) {
    one += (a[aAt + at] as number) * (b[bAt + at] as number);
    two += (a[aAt + at + 1] as number) * (b[bAt + at + 1] as number);
    three += (a[aAt + at + 2] as number) * (b[bAt + at + 2] as number);
    four += (a[aAt + at + 3] as number) * (b[bAt + at + 3] as number);
  }
  for (; at < dim; at += 1) one += (a[aAt + at] as number) * (b[bAt + at] as number);
  return one + two + three + four;
};

/**
 * Read ascending rows from the `.npy`, those near to each other in one go: which of them a stretch holds, `first` up to,
 * not including, `next`, and the values from the first one's on. The next stretch of any shard is read over them.
 */
export function* readStretches(
  shard: LoadedShard,
  usable: Uint32Array,
): Generator<{ first: number; next: number; values: Float32Array }> {
  const room = Math.min(blockRows, shard.numbers.length) * shard.dim;
  if (block.length < room) block = new Float32Array(room);
  for (let first = 0; first < usable.length; ) {
    const from = usable[first] as number;
    let next = first + 1;
    while (
      next < usable.length &&
      (usable[next] as number) - (usable[next - 1] as number) <= readAcross &&
      (usable[next] as number) - from < blockRows
    ) {
      next += 1;
    }
    const values = block.subarray(0, ((usable[next - 1] as number) - from + 1) * shard.dim);
    readRows(shard, from, values);
    yield { first, next, values };
    first = next;
  }
}

/** Exact: reads the usable rows from the `.npy` and multiplies them here. */
const scan = (shard: LoadedShard, queries: Float32Array, k: number, usable: Uint32Array): Found[] => {
  const { dim } = shard;
  const scores = Array.from({ length: queries.length / dim }, () => new Float32Array(usable.length));
  for (const { first, next, values } of readStretches(shard, usable)) {
    const from = usable[first] as number;
    for (const [query, own] of scores.entries()) {
      for (let at = first; at < next; at += 1) {
        own[at] = dot(queries, query * dim, values, ((usable[at] as number) - from) * dim, dim);
      }
    }
  }
  return scores.map((own) => {
    const wanted = Math.min(k, own.length);
    const least = own.toSorted()[own.length - wanted] as number;
    const found: Found = { rows: [], scores: [] };
    for (let at = 0; at < own.length; at += 1) {
      if ((own[at] as number) < least) continue;
      found.rows.push(usable[at] as number);
      found.scores.push(own[at] as number);
    }
    return found;
  });
};

const allRows = (shard: LoadedShard): Uint32Array => Uint32Array.from(shard.numbers, (_, row) => row);

/** How many rows FAISS can be asked for and still answers well. */
const askable = ({ shard }: LoadedShard): number =>
  shard.type === 'flat'
    ? shard.count
    : Math.floor((askedPart * shard.count * (shard.probes ?? 1)) / (shard.lists ?? 1));

/** The binding takes arrays only; `Array.from` walks an iterator for each value. */
const toArray = (values: Float32Array): number[] => {
  const array: number[] = new Array(values.length);
  for (let at = 0; at < values.length; at += 1) array[at] = values[at] as number;
  return array;
};

/** FAISS's own answer, less what may not be found. Undefined for a query that came out short. */
const ask = (
  shard: LoadedShard,
  queries: Float32Array,
  k: number,
  ask: number,
  bits: Uint8Array | undefined,
) => {
  const { distances, labels } = shard.index.search(toArray(queries), ask);
  return Array.from({ length: queries.length / shard.dim }, (_, query): Found | undefined => {
    const found: Found = { rows: [], scores: [] };
    for (let at = query * ask; at < (query + 1) * ask && found.rows.length < k; at += 1) {
      const row = labels[at] as number;
      // An inverted file gives -1 where the lists it looked into hold no more.
      if (row < 0) break;
      if (bits && ((bits[row >> 3] as number) & (1 << (row & 7))) === 0) continue;
      found.rows.push(row);
      found.scores.push(distances[at] as number);
    }
    return found.rows.length < k ? undefined : found;
  });
};

/**
 * The `k` best usable rows for each query, fewer only where fewer are usable. FAISS cannot leave rows out, so it is
 * asked for more than are wanted, and where that would be too many, the usable rows themselves are read.
 */
export const searchShard = (
  shard: LoadedShard,
  queries: Float32Array,
  k: number,
  usable: UsableRows,
): Found[] => {
  const { dim } = shard;
  const count = shard.numbers.length;
  const many = usable?.length ?? count;
  const wanted = Math.min(k, many);
  if (wanted === 0) return Array.from({ length: queries.length / dim }, () => ({ rows: [], scores: [] }));
  // No more can be taken out of what FAISS finds than may not be found.
  const expected = wanted + Math.min(count - many, Math.ceil(wanted * ((1.3 * count) / many - 1)) + 8);
  if (usable && (many <= alwaysScan || expected > askable(shard)))
    return scan(shard, queries, wanted, usable);

  const bits = usable ? new Uint8Array((count >> 3) + 1) : undefined;
  if (bits && usable)
    for (const row of usable) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  const found = ask(shard, queries, wanted, Math.min(expected, count), bits);
  return found.map((own, query) => {
    if (own) return own;
    const one = queries.subarray(query * dim, (query + 1) * dim);
    const more = Math.min(expected * 8, askable(shard));
    const again = more > expected ? ask(shard, one, wanted, more, bits)[0] : undefined;
    return again ?? (scan(shard, one, wanted, usable ?? allRows(shard))[0] as Found);
  });
};
