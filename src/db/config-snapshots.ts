import type { Db } from './database.ts';

/** The settings a process last started with; undefined before its first start. */
export const findSettings = async (db: Db, process: string): Promise<Record<string, unknown> | undefined> => {
  const [found] = await db<{ settings: Record<string, unknown> }>`
    select settings from config_snapshots where process = ${process}`;
  return found?.settings;
};

/**
 * Keep the settings a process starts with, and write into the audit what changed. Of several processes that start alike
 * at once, one does: the others find other settings than `before`.
 */
export const recordSettings = (
  db: Db,
  process: string,
  {
    before,
    settings,
    changes,
  }: {
    before: Record<string, unknown> | undefined;
    settings: Record<string, unknown>;
    changes: readonly object[];
  },
) => db`
  with kept as (
    insert into config_snapshots (process, settings)
    values (${process}, ${JSON.stringify(settings)}::text::jsonb)
    on conflict (process) do update set settings = excluded.settings, recorded_at = now()
      where config_snapshots.settings = ${JSON.stringify(before ?? null)}::text::jsonb
    returning process
  )
  insert into system_audit (component, severity, message, payload)
  select 'config', 'info', case when ${before === undefined} then 'configuration recorded' else 'configuration changed' end,
    json_build_object('process', process, 'changes', ${JSON.stringify(changes)}::text::json)
  from kept`;
