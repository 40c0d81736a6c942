import type { ProductNumbers } from './product-numbers.ts';

/** Kinds of deeds that are no interactions, as `user_deeds` and `each_deed` number them. */
export const deeds = { bought: -1, ordered: -2, refunded: -3, reviewed: -4, carted: -5, wished: -6 } as const;

/** What one user did, an entry for each product and kind of deed, in no order. */
export interface Deeds {
  /** Product numbers. */
  numbers: Uint32Array;
  /** Above zero: one more than the place in the types asked for; below: one of `deeds`. */
  kinds: Int16Array;
  times: Uint32Array;
  /** The rating, where there is one; else 0. */
  values: Float32Array;
  /** Seconds since 1970 of the last time. */
  at: Float64Array;
}

/** A row of `each_deed`. */
export interface EachDeed {
  products: Uint8Array | null;
  event_types: string | null;
  times: Uint8Array | null;
  other_products: Uint8Array | null;
  other_kinds: Uint8Array | null;
  other_ratings: Uint8Array | null;
  other_times: Uint8Array | null;
}

/** A one-dimensional array without nulls in PostgreSQL's binary form: from octet 20 on each value behind its length. */
const firstValue = 20;
const lengthBytes = 4;
const idBytes = 16;
/** PostgreSQL counts microseconds from 2000 on. */
const epoch2000 = 946_684_800;

const viewOf = (octets: Uint8Array | null): DataView =>
  octets
    ? new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
    : new DataView(new ArrayBuffer(firstValue));

/** Where the n-th value lies. */
const placeOf = (nth: number, bytes: number): number =>
  firstValue + nth * (lengthBytes + bytes) + lengthBytes;

const countOf = (view: DataView, bytes: number): number =>
  (view.byteLength - firstValue) / (lengthBytes + bytes);

const secondsAt = (view: DataView, nth: number): number =>
  (view.getInt32(placeOf(nth, 8)) * 2 ** 32 + view.getUint32(placeOf(nth, 8) + 4)) / 1e6 + epoch2000;

/** Octets of an entry. */
const entryBytes = 22;

/** In one piece, because there may be a hundred thousand users of whom a dozen deeds each are remembered. */
const roomFor = (count: number): Deeds => {
  const room = new ArrayBuffer(entryBytes * count);
  return {
    at: new Float64Array(room, 0, count),
    numbers: new Uint32Array(room, 8 * count, count),
    times: new Uint32Array(room, 12 * count, count),
    values: new Float32Array(room, 16 * count, count),
    kinds: new Int16Array(room, 20 * count, count),
  };
};

const cut = ({ numbers, kinds, times, values, at }: Deeds, count: number): Deeds => ({
  numbers: numbers.subarray(0, count),
  kinds: kinds.subarray(0, count),
  times: times.subarray(0, count),
  values: values.subarray(0, count),
  at: at.subarray(0, count),
});

/** What `user_deeds` packs into an entry. */
const packedBytes = 34;

/** How many entries `user_deeds` gave. */
export const countPacked = (packed: Uint8Array | null): number => (packed?.byteLength ?? 0) / packedBytes;

/** The product's number; where there is none (0), its id is added to `unknown`. */
const numberAt = (ids: DataView, at: number, known: ProductNumbers, unknown: Set<string>): number => {
  const number = known.at(ids, at);
  if (number !== 0) return number;
  const hex = Buffer.from(ids.buffer, ids.byteOffset + at, idBytes).toString('hex');
  unknown.add(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
  return 0;
};

/** What `user_deeds` gives; products without a number are left out and added to `unknown`. */
export const unpackDeeds = (
  packed: Uint8Array | null,
  known: ProductNumbers,
  unknown: Set<string>,
): Deeds => {
  const octets = viewOf(packed ?? new Uint8Array());
  const deeds = roomFor(octets.byteLength / packedBytes);
  let count = 0;
  for (let at = 0; at < octets.byteLength; at += packedBytes) {
    const number = numberAt(octets, at, known, unknown);
    if (number === 0) continue;
    deeds.numbers[count] = number;
    deeds.kinds[count] = octets.getInt16(at + idBytes);
    deeds.times[count] = octets.getInt32(at + idBytes + 2);
    deeds.values[count] = octets.getFloat32(at + idBytes + 6);
    deeds.at[count] = octets.getFloat64(at + idBytes + 10);
    count += 1;
  }
  return cut(deeds, count);
};

/** How many interactions other than ratings a row holds. */
export const countPlain = ({ products }: EachDeed): number => countOf(viewOf(products), idBytes);

/**
 * The deeds of a row added up for each product and kind; products without a number are left out and added to
 * `unknown`. Of several ratings the last that has a value counts. `types`: the kind of each event type.
 */
export const createAdder = (known: ProductNumbers, types: ReadonlyMap<string, number>) => {
  /** By product number one more than its newest entry, and by entry one more than the product's entry before; 0: none. */
  let heads = new Int32Array(1_024);

  return (row: EachDeed, unknown: Set<string>): Deeds => {
    const [products, times] = [viewOf(row.products), viewOf(row.times)];
    const [otherProducts, otherKinds] = [viewOf(row.other_products), viewOf(row.other_kinds)];
    const [otherRatings, otherTimes] = [viewOf(row.other_ratings), viewOf(row.other_times)];
    const plain = countOf(products, idBytes);
    const others = countOf(otherProducts, idBytes);
    const sum = roomFor(plain + others);
    const links = new Int32Array(plain + others);
    const ratedAt = new Float64Array(plain + others).fill(Number.NEGATIVE_INFINITY);
    let count = 0;

    const entryOf = (number: number, kind: number): number => {
      if (number >= heads.length) {
        const longer = new Int32Array(Math.max(2 * heads.length, number + 1));
        longer.set(heads);
        heads = longer;
      }
      let link = heads[number] as number;
      while (link !== 0 && sum.kinds[link - 1] !== kind) link = links[link - 1] as number;
      if (link !== 0) return link - 1;
      sum.numbers[count] = number;
      sum.kinds[count] = kind;
      sum.at[count] = Number.NEGATIVE_INFINITY;
      links[count] = heads[number] as number;
      count += 1;
      heads[number] = count;
      return count - 1;
    };
    const add = (number: number, kind: number, at: number): number => {
      const entry = entryOf(number, kind);
      sum.times[entry] = (sum.times[entry] as number) + 1;
      if (at > (sum.at[entry] as number)) sum.at[entry] = at;
      return entry;
    };

    const names = row.event_types?.split('\u001f') ?? [];
    for (let nth = 0; nth < plain; nth += 1) {
      const number = numberAt(products, placeOf(nth, idBytes), known, unknown);
      if (number !== 0) add(number, types.get(names[nth] as string) as number, secondsAt(times, nth));
    }
    for (let nth = 0; nth < others; nth += 1) {
      const number = numberAt(otherProducts, placeOf(nth, idBytes), known, unknown);
      if (number === 0) continue;
      const at = secondsAt(otherTimes, nth);
      const entry = add(number, otherKinds.getInt16(placeOf(nth, 2)), at);
      const rating = otherRatings.getFloat32(placeOf(nth, 4));
      if (Number.isNaN(rating) || at < (ratedAt[entry] as number)) continue;
      sum.values[entry] =
        at > (ratedAt[entry] as number) ? rating : Math.max(rating, sum.values[entry] as number);
      ratedAt[entry] = at;
    }
    for (let entry = 0; entry < count; entry += 1) heads[sum.numbers[entry] as number] = 0;
    return cut(sum, count);
  };
};

/** An event more. */
export interface MoreDeed {
  number: number;
  kind: number;
  /** The rating, where it is the first one of this product; else 0. */
  value: number;
  /** Seconds since 1970. */
  at: number;
}

/** The entry of this product and kind; -1 where there is none. */
export const findDeed = ({ numbers, kinds }: Deeds, number: number, kind: number): number => {
  let entry = numbers.indexOf(number);
  while (entry >= 0 && kinds[entry] !== kind) entry = numbers.indexOf(number, entry + 1);
  return entry;
};

/** These and those, as if all had been read at once; in memory of its own. */
export const addDeeds = (deeds: Deeds, more: readonly MoreDeed[]): Deeds => {
  const before = deeds.numbers.length;
  const sum = roomFor(before + more.length);
  for (const name of ['numbers', 'kinds', 'times', 'values', 'at'] as const) sum[name].set(deeds[name]);
  let count = before;
  for (const { number, kind, value, at } of more) {
    // Room that is not taken yet holds zeroes, and no product has the number 0.
    let entry = findDeed(sum, number, kind);
    if (entry < 0) {
      entry = count;
      count += 1;
      sum.numbers[entry] = number;
      sum.kinds[entry] = kind;
      sum.values[entry] = value;
      sum.at[entry] = at;
    }
    sum.times[entry] = (sum.times[entry] as number) + 1;
    if (at > (sum.at[entry] as number)) sum.at[entry] = at;
  }
  return cut(sum, count);
};
