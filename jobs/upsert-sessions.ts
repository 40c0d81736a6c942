import { z } from 'zod';
import { instant, jsonObject, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Write what is said of sessions; fields that are absent stay as they are. */
export const upsertSessions = defineEventJob({
  name: 'upsert-sessions',
  queue: 'users',
  type: 'session',
  time: 'started_at',
  event: z.strictObject({
    session_id: uuid,
    user_id: uuid.optional(),
    started_at: instant.optional(),
    ended_at: instant.nullish(),
    context: jsonObject.nullish(),
  }),
});
