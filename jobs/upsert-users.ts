import { z } from 'zod';
import { instant, jsonObject, text, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Write what is said of users; fields that are absent stay as they are. */
export const upsertUsers = defineEventJob({
  name: 'upsert-users',
  queue: 'users',
  type: 'user',
  op: 'put',
  time: 'last_seen_at',
  event: z.strictObject({
    user_id: uuid,
    email: text(320).nullish(),
    username: text(200).nullish(),
    password_hash: text(1_000).nullish(),
    profile: jsonObject.nullish(),
    is_anonymous: z.boolean().optional(),
    is_active: z.boolean().optional(),
    last_seen_at: instant.optional(),
  }),
  // Four octets a character at most, the nonce and the tag, in base 64.
  sealed: { password_hash: text(6_000).nullish() },
  // From here to the database nobody can read it, not in Redis, on the board or among parked events.
  complete: (event, seal) => {
    if (typeof event.password_hash === 'string') event.password_hash = seal(event.password_hash);
  },
});
