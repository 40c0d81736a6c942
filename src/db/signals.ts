import type { Db } from './database.ts';
import { announceProducts } from './serving.ts';

/** Kinds of deeds that are no interactions, as `user_signals` numbers them. */
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

interface PackedSignals {
  person: string;
  present: boolean;
  merged: string[];
  read_at: number;
  signals: Uint8Array | null;
  /** Products that have no number yet, and so are left out. */
  unnumbered: string[] | null;
}

const entryBytes = 22;

const unpack = ({ person, present, merged, read_at, signals }: PackedSignals): UserSignals => {
  const packed = signals ?? new Uint8Array();
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = packed.byteLength / entryBytes;
  const unpacked: UserSignals = {
    ...{ person, present, merged, readAt: read_at },
    numbers: new Uint32Array(count),
    kinds: new Int16Array(count),
    times: new Uint32Array(count),
    values: new Float32Array(count),
    at: new Float64Array(count),
  };
  for (let entry = 0, at = 0; entry < count; entry += 1, at += entryBytes) {
    unpacked.numbers[entry] = view.getInt32(at);
    unpacked.kinds[entry] = view.getInt16(at + 4);
    unpacked.times[entry] = view.getInt32(at + 6);
    unpacked.values[entry] = view.getFloat32(at + 10);
    unpacked.at[entry] = view.getFloat64(at + 14);
  }
  return unpacked;
};

/** The newest signals of these users, each person once. Interactions of other types than these are not looked at. */
export const listUserSignals = async (
  db: Db,
  ids: readonly string[],
  { types, newest }: { types: readonly string[]; newest: number },
): Promise<UserSignals[]> => {
  const read = () => db<PackedSignals>`
    select person, present, merged, read_at, signals, unnumbered
    from user_signals(${ids}::uuid[], ${types}::varchar[], ${newest})`;
  let rows = await read();
  // Products so new that nobody has announced them yet.
  const unnumbered = [...new Set(rows.flatMap((row) => row.unnumbered ?? []))];
  if (unnumbered.length > 0) {
    await announceProducts(db, unnumbered);
    rows = await read();
  }
  return rows.map(unpack);
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
