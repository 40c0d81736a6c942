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

/** What one statement made stale. */
interface Mark {
  id: number;
  keys: string[];
  /** Beside `keys`; null where there is no second half. */
  others: (string | null)[];
}

/** The oldest marks of a kind but for those in `but`, the oldest first; of `most` keys, or a few more. */
export const listMarks = async (
  db: Db,
  kind: DirtyKind,
  { most, but = [] }: { most: number; but?: readonly number[] },
): Promise<Mark[]> => {
  const rows = await db<{ id: number; keys: string[]; others: (string | null)[] | null }>`
    select id, keys, others
    from (
      select id, keys, others,
        sum(cardinality(keys)) over (order by id rows between unbounded preceding and 1 preceding) as before
      from (
        select id, array[key] as keys, array[other] as others from dirty_keys
        where kind = ${kind} and id <> all(${but as number[]}::bigint[])
        union all
        select id, keys, others from dirty_sets
        where kind = ${kind} and id <> all(${but as number[]}::bigint[])
        order by id
        limit ${most}
      ) oldest
    ) counted
    where coalesce(before, 0) < ${most}
    order by id`;
  return rows.map(({ id, keys, others }) => ({ id, keys, others: others ?? [] }));
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
