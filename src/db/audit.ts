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
