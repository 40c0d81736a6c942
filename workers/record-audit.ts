import type { recordAudit } from '../jobs/record-audit.ts';
import { insertAuditOnce } from '../src/db/audit.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRecordAudit: Handler<typeof recordAudit> = async ({ entry_id, at, ...entry }, { db }) => {
  await insertAuditOnce(db, entry, { id: entry_id, at });
};
