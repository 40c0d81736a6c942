import type { Db } from './database.ts';

/** How many connections the server has, ours and others', and how many it allows. */
export const findConnections = async (db: Db): Promise<{ used: number; allowed: number }> => {
  const [row] = await db<{ used: number; allowed: number }>`
    select count(*)::integer as used, current_setting('max_connections')::integer as allowed
    from pg_stat_activity where backend_type = 'client backend'`;
  return row ?? { used: 0, allowed: 0 };
};
