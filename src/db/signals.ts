import type { Db } from './database.ts';
import { announceProducts } from './serving.ts';

/** Kinds of deeds that are no interactions, as `user_deeds` numbers them. */
export const deeds = { bought: -1, ordered: -2, refunded: -3, reviewed: -4, carted: -5, wished: -6 } as const;

/** What a user did with products, one entry for each product and kind of deed, the newest first. */
export interface UserSignals {
  /** The person, where a merged id was asked for. */
  person: string;
  /** Whether there is such a user. */
  present: boolean;
  /** Ids that were merged into the person. */
  merged: string[];
  /** Microseconds since 1970: what was committed before is in it. */
  readAt: number;
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

interface PackedDeeds {
  person: string;
  present: boolean;
  merged: string[];
  read_at: number;
  deeds: Uint8Array | null;
}

const entryBytes = 34;
const idBytes = 16;

/** Products' numbers by the octets of their ids. A number is given once and for all. */
const numbersByDb = new WeakMap<Db, Map<string, number>>();

const idAt = (packed: Buffer, at: number): string => packed.toString('latin1', at, at + idBytes);

const uuidOf = (octets: string): string =>
  Buffer.from(octets, 'latin1')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Look up the numbers of these products, and give one to those that are so new that they have none. */
const learnNumbers = async (db: Db, numbers: Map<string, number>, unknown: ReadonlySet<string>) => {
  const ids = [...unknown].map(uuidOf);
  const read = async () => {
    const rows = await db<{ product_id: string; number: number }>`
      select product_id, number from product_numbers where product_id = any(${ids}::uuid[])`;
    for (const { product_id, number } of rows)
      numbers.set(Buffer.from(product_id.replaceAll('-', ''), 'hex').toString('latin1'), number);
    return rows.length;
  };
  if ((await read()) === ids.length) return;
  await announceProducts(db, ids);
  await read();
};

const unpack = (
  { person, present, merged, read_at, deeds: octets }: PackedDeeds,
  numberOf: ReadonlyMap<string, number>,
): UserSignals => {
  const packed = Buffer.from(octets?.buffer ?? new ArrayBuffer(), octets?.byteOffset, octets?.byteLength);
  const most = packed.length / entryBytes;
  const numbers = new Uint32Array(most);
  const kinds = new Int16Array(most);
  const times = new Uint32Array(most);
  const values = new Float32Array(most);
  const when = new Float64Array(most);
  let count = 0;
  for (let at = 0; at < packed.length; at += entryBytes) {
    const number = numberOf.get(idAt(packed, at));
    if (number === undefined) continue;
    numbers[count] = number;
    kinds[count] = packed.readInt16BE(at + idBytes);
    times[count] = packed.readInt32BE(at + idBytes + 2);
    values[count] = packed.readFloatBE(at + idBytes + 6);
    when[count] = packed.readDoubleBE(at + idBytes + 10);
    count += 1;
  }
  return {
    ...{ person, present, merged, readAt: read_at },
    numbers: numbers.subarray(0, count),
    kinds: kinds.subarray(0, count),
    times: times.subarray(0, count),
    values: values.subarray(0, count),
    at: when.subarray(0, count),
  };
};

/** The newest signals of these users, each person once. Interactions of other types than these are not looked at. */
export const listUserSignals = async (
  db: Db,
  ids: readonly string[],
  { types, newest }: { types: readonly string[]; newest: number },
): Promise<UserSignals[]> => {
  const rows = await db<PackedDeeds>`
    select person, present, merged, read_at, deeds
    from user_deeds(${ids}::uuid[], ${types}::varchar[], ${newest})`;
  const numbers = numbersByDb.get(db) ?? new Map<string, number>();
  numbersByDb.set(db, numbers);
  const unknown = new Set<string>();
  for (const { deeds: octets } of rows) {
    if (!octets) continue;
    const packed = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
    for (let at = 0; at < packed.length; at += entryBytes) {
      const id = idAt(packed, at);
      if (!numbers.has(id)) unknown.add(id);
    }
  }
  if (unknown.size > 0) await learnNumbers(db, numbers, unknown);
  return rows.map((row) => unpack(row, numbers));
};

/** The next users by id, for walking through all of them. */
export const listUserIds = (db: Db, after: string | null, limit: number) => db<{ user_id: string }>`
  select user_id from users
  where user_id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid
  order by user_id limit ${limit}`;

/** Those of these ids of which there is no user, and whether that is because the person was erased. */
export const listGone = (db: Db, ids: readonly string[], pepper: Buffer) => db<{
  id: string;
  erased: boolean;
}>`
  select id, is_erased(id, ${pepper}) as erased from unnest(${ids}::uuid[]) as id
  where (select true from users u where u.user_id = id) is null`;

/** About how many users there are. */
export const countUsersAbout = async (db: Db): Promise<number> => {
  const [row] = await db<{ users: number }>`
    select greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::bigint as users
    from pg_class where oid = 'users'::regclass`;
  return row?.users ?? 0;
};
