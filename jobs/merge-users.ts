import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Make an anonymous visitor one with the person who signed in. */
export const mergeUsers = defineEventJob({
  name: 'merge-users',
  queue: 'upkeep',
  type: 'user',
  op: 'merge',
  event: z.strictObject({ user_id: uuid, from_user_id: uuid }),
  judge: ({ user_id, from_user_id }) =>
    user_id === from_user_id ? { path: '/from_user_id', message: 'must be another user' } : undefined,
});
