import { z } from 'zod';
import { decimal, instant, jsonObject, text, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Write what visitors did (viewed, clicked, rated …) into `interactions`. */
export const recordInteractions = defineEventJob({
  name: 'record-interactions',
  queue: 'interactions',
  type: 'interaction',
  time: 'created_at',
  columns: { json: ['device'] },
  event: z.strictObject({
    user_id: uuid,
    product_id: uuid,
    session_id: uuid.optional(),
    event_type: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must match [a-z][a-z0-9_]{0,31}'),
    // The column has no bounds of its own; these are the door's.
    event_value: decimal(38, 12).optional(),
    platform: text(100).optional(),
    device: jsonObject.optional(),
    created_at: instant.optional(),
    /** The `request_id` of the list that led to this: how clicks are credited to what was shown. */
    request_id: uuid.optional(),
  }),
});
