import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** Forget a person, under every id they ever had. */
export const eraseUser = defineEventJob({
  name: 'erase-user',
  queue: 'upkeep',
  type: 'user',
  op: 'delete',
  scope: 'admin',
  event: z.strictObject({ user_id: uuid }),
});
