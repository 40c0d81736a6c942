import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

const line = z.strictObject({ user_id: uuid, product_id: uuid });

/** Write and remove wishlist lines. */
export const updateWishlist = defineEventJob({
  name: 'update-wishlist',
  queue: 'users',
  type: 'wishlist',
  ops: { put: { event: line }, delete: { event: line } },
});
