import type { Db } from './database.ts';

/** What can be stale, and so needs recomputing. */
export type DirtyKind =
  | 'popularity'
  | 'rating'
  | 'helpful'
  | 'verified'
  | 'embedding'
  | 'catalogue'
  | 'list'
  | 'words'
  | 'similar';

export interface DirtyKey {
  key: string;
  /** The second half, where a pair is stale. */
  other: string | null;
}

/** Interactions of one user that one statement added: so many, with ids from `first` to `last`, by this transaction. */
export interface AddedRows {
  first: number;
  last: number;
  count: number;
  xid: number;
}

/** What one statement made stale. */
interface Mark {
  id: number;
  keys: string[];
  /** Beside `keys`; null where there is no second half. */
  others: (string | null)[];
  /** Beside `keys`, where nothing happened but that these rows came; undefined where it may have been anything. */
  added: (AddedRows | undefined)[];
}

interface MarkRow extends Moment {
  id: number;
  keys: string[];
  others: (string | null)[] | null;
  firsts: number[] | null;
  lasts: (number | null)[] | null;
  counts: number[] | null;
  xid: string | null;
}

/** When something was read. */
export interface Moment {
  /** Epoch µs of the database's clock: what was committed before has been seen. */
  readAt: number;
  /** PostgreSQL's name of all that has been seen. */
  snapshot: string;
}

/**
 * The columns of a `Moment`, for a statement by itself: the time when its transaction began, for a statement's own may be
 * after its snapshot.
 */
export const readMoment = (db: Db) => db.fragment`
  (extract(epoch from transaction_timestamp()) * 1000000)::bigint as "readAt", (select pg_current_snapshot())::text as snapshot`;

/**
 * The oldest marks of a kind but for those in `but`, the oldest first; of `most` keys, or a few more. `asOf`: whatever was
 * marked before is among them, or in `but`; undefined where there may be more.
 */
export const listMarks = async (
  db: Db,
  kind: DirtyKind,
  { most, but = [] }: { most: number; but?: readonly number[] },
): Promise<{ marks: Mark[]; asOf: Moment | undefined }> => {
  const rows = await db<MarkRow>`
    select id, keys, others, firsts, lasts, counts, xid::text as xid,
      ${readMoment(db)}
    from (
      select id, keys, others, firsts, lasts, counts, xid,
        sum(cardinality(keys)) over (order by id rows between unbounded preceding and 1 preceding) as before
      from (
        select id, array[key] as keys, array[other] as others, null::bigint[] as firsts, null::bigint[] as lasts,
          null::integer[] as counts, null::xid8 as xid
        from dirty_keys
        where kind = ${kind} and id <> all(${but as number[]}::bigint[])
        union all
        select id, keys, others, firsts, lasts, counts, xid from dirty_sets
        where kind = ${kind} and id <> all(${but as number[]}::bigint[])
        order by id
        limit ${most}
      ) oldest
    ) counted
    where coalesce(before, 0) < ${most}
    order by id`;
  const marks = rows.map(({ id, keys, others, firsts, lasts, counts, xid }) => ({
    ...{ id, keys, others: others ?? [] },
    added: keys.map((_, place) => {
      const [first, last, count] = [firsts?.[place], lasts?.[place] ?? undefined, counts?.[place]];
      if (first === undefined || last === undefined || count === undefined) return undefined;
      return { first, last, count, xid: Number(xid) };
    }),
  }));
  const listed = marks.reduce((sum, { keys }) => sum + keys.length, 0);
  const [first] = rows;
  const asOf = first && { readAt: first.readAt, snapshot: first.snapshot };
  return { marks, asOf: listed < most ? asOf : undefined };
};

/** The stale keys of a kind, each once, and the marks that were seen for them, of the oldest marks. */
export const listDirty = (db: Db, kind: DirtyKind, limit: number) => db<DirtyKey & { seen: number[] }>`
  select key, other, array_agg(id) as seen
  from (select id, key, other from stale_keys where kind = ${kind} order by id limit ${limit}) oldest
  group by key, other
  order by key, other`;

/** Whether there are stale keys of a kind. */
export const anyDirty = async (db: Db, kind: DirtyKind): Promise<boolean> =>
  (await db`select from stale_keys where kind = ${kind} limit 1`).length > 0;

/** Clear marks of which everything was recomputed since they were seen; a mark made since then stays. */
export const clearDirty = (db: Db, seen: readonly number[]) => db`
  with sets as (delete from dirty_sets where id = any(${seen as number[]}::bigint[]))
  delete from dirty_keys where id = any(${seen as number[]}::bigint[])`;

/** The kinds that have stale keys, and how often they were marked. */
export const countDirty = (db: Db) => db<{ kind: DirtyKind; marks: number }>`
  select kind, sum(marks)::integer as marks
  from (
    select kind, count(*) as marks from dirty_keys group by kind
    union all
    select kind, sum(cardinality(keys)) from dirty_sets group by kind
  ) counted
  group by kind`;
