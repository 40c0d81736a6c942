import type { Db } from './database.ts';

export type Severity = 'info' | 'warning' | 'error';

export interface AuditEntry {
  /** The part that did it: `events`, `catalog`, `keys` … */
  component: string;
  severity: Severity;
  message: string;
  /** Ids and counts. Never personal data: entries outlive the people they concern. */
  payload?: Record<string, unknown>;
}

/** Write down what operators must be able to answer for. */
export const insertAudit = (db: Db, { component, severity, message, payload = {} }: AuditEntry) => db`
  insert into system_audit (component, severity, message, payload)
  values (${component}, ${severity}, ${message}, ${JSON.stringify(payload)}::text::json)`;

/** The same, unless the entry of this id was written before. */
export const insertAuditOnce = (
  db: Db,
  { component, severity, message, payload = {} }: AuditEntry,
  { id, at }: { id: string; at: string },
) => db`
  with fresh as (
    insert into processed_events (event_id, job, payload_hash) values (${id}, 'record-audit', 0)
    on conflict (event_id) do nothing
    returning event_id
  )
  insert into system_audit (component, severity, message, payload, created_at)
  select ${component}, ${severity}, ${message}, ${JSON.stringify(payload)}::text::json, ${at}::timestamptz from fresh`;

export interface AuditFilter {
  component?: string | undefined;
  severity?: Severity | undefined;
  /** From this time on. */
  since?: string | undefined;
  /** Before this time. */
  until?: string | undefined;
}

export interface AuditRow {
  id: number;
  component: string;
  severity: Severity;
  message: string;
  payload: unknown;
  created_at: string;
}

/** Only what was asked for is in the statement, so that each condition is one of the index. */
const matches = (db: Db, { component, severity, since, until }: AuditFilter) => db.fragment`
  created_at >= ${since ?? '-infinity'}::timestamptz and created_at < ${until ?? 'infinity'}::timestamptz
  and ${component === undefined ? db.fragment`true` : db.fragment`component = ${component}`}
  and ${severity === undefined ? db.fragment`true` : db.fragment`severity = ${severity}`}`;

/** Entries of the audit, newest first, a page at a time. */
export const listAudit = (
  db: Db,
  filter: AuditFilter & { before: { created_at: string; id: number } | undefined; limit: number },
) => db<AuditRow>`
  select id, component, severity, message, payload, created_at
  from system_audit
  where ${matches(db, filter)}
    and (created_at, id)
      < (${filter.before?.created_at ?? 'infinity'}::timestamptz, ${filter.before?.id ?? Number.MAX_SAFE_INTEGER}::bigint)
  order by created_at desc, id desc
  limit ${filter.limit}`;

/** How many entries the filter has, by component and severity. */
export const countAudit = (db: Db, filter: AuditFilter) => db<{
  component: string;
  severity: Severity;
  entries: number;
}>`
  select component, severity, count(*)::integer as entries
  from system_audit
  where ${matches(db, filter)}
  group by component, severity
  order by component, severity`;
