import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

const line = { user_id: uuid, product_id: uuid };

/** Write and remove cart lines. */
export const updateCart = defineEventJob({
  name: 'update-cart',
  queue: 'users',
  type: 'cart',
  ops: {
    put: { event: z.strictObject({ ...line, quantity: z.int().min(1).max(2_147_483_647) }) },
    delete: { event: z.strictObject(line) },
  },
});
