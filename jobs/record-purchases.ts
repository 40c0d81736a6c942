import { z } from 'zod';
import { decimal, instant, text, uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

/** What can become of an order's payment; only `completed` counts as bought. */
export const paymentStatus = z.enum(['pending', 'completed', 'failed', 'cancelled', 'refunded']);

const price = decimal(10, 2).refine((value) => !value.startsWith('-'), 'must not be negative');

const item = z
  .strictObject({
    product_id: uuid,
    quantity: z.int().min(1).max(2_147_483_647).default(1),
    unit_price: price,
  })
  .superRefine(({ quantity, unit_price }, context) => {
    // Exactly, in hundredths: the total has to fit its column, NUMERIC(10, 2).
    const [whole = '0', fraction = ''] = unit_price.split('.');
    const total = BigInt(whole + fraction.padEnd(2, '0')) * BigInt(quantity);
    if (total < 10n ** 10n) return;
    context.addIssue({
      code: 'custom',
      path: ['quantity'],
      message: 'makes a total of more than 99999999.99',
    });
  });

/** Write orders into `purchase_history`, a row an item; what was bought leaves the cart. */
export const recordPurchases = defineEventJob({
  name: 'record-purchases',
  queue: 'purchases',
  type: 'purchase',
  op: 'put',
  time: 'purchased_at',
  event: z.strictObject({
    user_id: uuid,
    order_id: uuid.optional(),
    items: z.array(item).min(1).max(1_000),
    payment_method: text(100).optional(),
    payment_status: paymentStatus.optional(),
    purchased_at: instant.optional(),
  }),
  complete: (event) => {
    event.order_id ??= event.event_id;
  },
  echo: { order_ids: (event) => event.order_id as string },
});
