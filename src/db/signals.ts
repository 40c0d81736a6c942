import type { Db } from './database.ts';
import { countPacked, countPlain, createAdder, type Deeds, type EachDeed, unpackDeeds } from './deeds.ts';
import { type AddedRows, type Moment, readMoment } from './dirty-keys.ts';
import { createProductNumbers, type ProductNumbers } from './product-numbers.ts';
import { announceProducts } from './serving.ts';

/** What a user did with products. */
export interface UserSignals extends Deeds {
  /** The person, where a merged id was asked for. */
  person: string;
  /** Whether there is such a user. */
  present: boolean;
  /** Ids that were merged into the person. */
  merged: string[];
  /** Microseconds since 1970: what was committed before is in it. */
  readAt: number;
}

/** The same, read at a known moment. */
export interface ReadSignals extends UserSignals, Moment {
  /** How many interactions other than ratings that is; of those who did very much, no more than is known. */
  events: number;
  /** Whether that is all: only the newest of very many deeds are read. */
  whole: boolean;
}

type UserRow = EachDeed & Moment & Pick<UserSignals, 'person' | 'present' | 'merged'>;

const numbersByDb = new WeakMap<Db, ProductNumbers>();

/** Look up the numbers of these products, and give one to those that are so new that they have none. */
const learnNumbers = async (db: Db, known: ProductNumbers, ids: readonly string[]) => {
  const read = async () => {
    const rows = await db<{ product_id: string; number: number }>`
      select product_id, number from product_numbers where product_id = any(${ids}::uuid[])`;
    for (const { product_id, number } of rows) known.add(product_id, number);
    return rows.length;
  };
  if ((await read()) === ids.length) return;
  await announceProducts(db, ids);
  await read();
};

/** `read` as often as it meets products without a number: the second time they have one. */
const withNumbers = async <T>(
  db: Db,
  known: ProductNumbers,
  read: (unknown: Set<string>) => T,
): Promise<T> => {
  const unknown = new Set<string>();
  const first = read(unknown);
  if (unknown.size === 0) return first;
  await learnNumbers(db, known, [...unknown]);
  return read(new Set());
};

interface DeedsWanted {
  /** Interactions of other types are not looked at. */
  types: readonly string[];
  /** Of users who did more than this, about so many of the newest. */
  newest: number;
}

/** The newest deeds of those who did so much that PostgreSQL has to add them up, and when they were read. */
const readHeavy = async (
  db: Db,
  known: ProductNumbers,
  people: readonly string[],
  { types, newest }: DeedsWanted,
): Promise<Map<string, Deeds & Moment & Pick<ReadSignals, 'whole'>>> => {
  if (people.length === 0) return new Map();
  const rows = await db<Moment & { person: string; deeds: Uint8Array | null }>`
    select person, deeds, ${readMoment(db)} from user_deeds(${people}::uuid[], ${types}::varchar[], ${newest})`;
  return withNumbers(
    db,
    known,
    (unknown) =>
      new Map(
        rows.map(({ person, deeds, readAt, snapshot }) => [
          person,
          { ...unpackDeeds(deeds, known, unknown), readAt, snapshot, whole: countPacked(deeds) < newest },
        ]),
      ),
  );
};

/** What these users did, each person once. */
export const listUserSignals = async (
  db: Db,
  ids: readonly string[],
  wanted: DeedsWanted,
): Promise<ReadSignals[]> => {
  const { types, newest } = wanted;
  const rows = await db<UserRow>`
    select person, present, merged, products, event_types, times, other_products, other_kinds, other_ratings, other_times,
      ${readMoment(db)}
    from each_deed(${ids}::uuid[], ${types}::varchar[], ${newest})`;
  const known = numbersByDb.get(db) ?? createProductNumbers();
  numbersByDb.set(db, known);
  const heavy = await readHeavy(
    db,
    known,
    rows.filter((row) => countPlain(row) > newest).map(({ person }) => person),
    wanted,
  );
  const add = createAdder(known, new Map(types.map((type, place) => [type, place + 1])));
  return withNumbers(db, known, (unknown) =>
    rows.map((row) => {
      const { person, present, merged, readAt, snapshot } = row;
      return {
        ...{ person, present, merged, readAt, snapshot },
        ...{ events: countPlain(row), whole: countPlain(row) <= newest },
        ...(heavy.get(person) ?? add(row, unknown)),
      };
    }),
  );
};

/** One of the interactions that were asked for. */
export interface AddedDeed {
  /** The place of what it was asked for by. */
  nth: number;
  id: number;
  /** The product's; null where there is none, and where it is so new that it has no number. */
  number: number | null;
  product_id: string | null;
  event_type: string;
  /** The rating, as `each_deed` gives it; 0 where there is none. */
  value: number;
  /** Seconds since 1970. */
  at: number;
}

/** These interactions of these users; of those that were changed or taken away since, nothing. */
export const listAddedDeeds = (db: Db, asked: readonly (AddedRows & { userId: string })[]) => {
  const [users, firsts, lasts, xids] = [
    asked.map(({ userId }) => userId),
    asked.map(({ first }) => first),
    asked.map(({ last }) => last),
    asked.map(({ xid }) => String(xid)),
  ];
  return db<AddedDeed>`
    select (r.nth - 1)::integer as nth, i.id, n.number, i.product_id, i.event_type,
      case when i.event_type = 'rate' and i.event_value is not null then greatest(least(i.event_value, 100), -100) else 0
        end::float8 as value,
      extract(epoch from i.created_at)::float8 as at
    from unnest(${users}::uuid[], ${firsts}::bigint[], ${lasts}::bigint[], ${xids}::varchar[]) with ordinality
      as r(user_id, first, last, xid, nth)
    -- Fenced: by the index of users the planner would read all that they ever did.
    cross join lateral (
      select i.xmin, i.id, i.user_id, i.product_id, i.event_type, i.event_value, i.created_at
      from interactions i
      where i.id between r.first and r.last
      offset 0
    ) i
    left join product_numbers n on n.product_id = i.product_id
    where i.user_id = r.user_id and i.xmin = r.xid::xid8::xid`;
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
