import type { Db } from './database.ts';

/** Mark the lists of these users stale. */
export const markLists = (db: Db, userIds: readonly string[]) => db`
  insert into dirty_keys (kind, key) select 'list', id from unnest(${userIds}::uuid[]) as id`;
