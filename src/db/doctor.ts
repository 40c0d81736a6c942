import type { Db } from './database.ts';

export interface DatabaseState {
  /** As `server_version_num`: 150018 is 15.18. */
  version: number;
  version_text: string;
  read_only: boolean;
  fsync: string;
  synchronous_commit: string;
  full_page_writes: string;
  connections: number;
  max_connections: number;
  bytes: number;
  encoding: string;
  extensions: string[];
  /** The server's clock, epoch milliseconds. */
  now_ms: number;
}

/** What the health of the system rests on, as the server has it now. */
export const describeDatabase = async (db: Db): Promise<DatabaseState> => {
  const [state] = await db<DatabaseState>`
    select current_setting('server_version_num')::integer as version,
      current_setting('server_version') as version_text,
      pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as read_only,
      current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as synchronous_commit,
      current_setting('full_page_writes') as full_page_writes,
      (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as connections,
      current_setting('max_connections')::integer as max_connections,
      pg_database_size(current_database()) as bytes,
      current_setting('server_encoding') as encoding,
      array(select extname::text from pg_extension order by extname) as extensions,
      extract(epoch from clock_timestamp()) * 1000 as now_ms`;
  return { ...(state as DatabaseState), now_ms: Number(state?.now_ms) };
};

/**
 * Write a row and take it back: the inner block fails on purpose, which undoes its insert and nothing else.
 * @throws when the row could not be written.
 */
export const tryWriting = (db: Db) => db`
  do $$
  begin
    begin
      insert into processed_events (event_id, job, payload_hash) values (gen_random_uuid(), 'doctor', 0);
      raise exception sqlstate 'ZD001';
    exception when sqlstate 'ZD001' then null;
    end;
  end
  $$`;
