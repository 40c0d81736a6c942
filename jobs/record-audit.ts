import { z } from 'zod';
import { instant, jsonObject } from '../src/fields.ts';
import { defineJob } from '../src/queue/define-job.ts';

/** Write an entry of the audit that was made where nobody may wait for PostgreSQL. Asked for again under its id: once. */
export const recordAudit = defineJob({
  name: 'record-audit',
  queue: 'audit',
  payload: z.strictObject({
    entry_id: z.uuid(),
    at: instant,
    component: z.string().min(1),
    severity: z.enum(['info', 'warning', 'error']),
    message: z.string().min(1),
    /** Ids and counts, never personal data. */
    payload: jsonObject,
  }),
});
