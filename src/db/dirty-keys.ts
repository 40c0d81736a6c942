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

/**
 * The stale keys of a kind, each once, and the marks that were seen for them: of the oldest marks, the longest stale keys
 * first, and what is of one key side by side.
 */
export const listDirty = (db: Db, kind: DirtyKind, limit: number) => db<DirtyKey & { seen: number[] }>`
  select key, other, array_agg(id) as seen
  from (
    select id, key, other, min(id) over (partition by key) as since
    from (select id, key, other from dirty_keys where kind = ${kind} order by id limit ${limit}) oldest
  ) marks
  group by since, key, other
  order by since, key, other`;

/** Whether there are stale keys of a kind. */
export const anyDirty = async (db: Db, kind: DirtyKind): Promise<boolean> =>
  (await db`select from dirty_keys where kind = ${kind} limit 1`).length > 0;

/** Clear the marks that were seen before recomputing; a mark made since then stays. */
export const clearDirty = (db: Db, seen: readonly number[]) => db`
  delete from dirty_keys where id = any(${seen as number[]}::bigint[])`;

/** The kinds that have stale keys, and how many marks. */
export const countDirty = (db: Db) => db<{ kind: DirtyKind; marks: number }>`
  select kind, count(*)::integer as marks from dirty_keys group by kind`;
