import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';
import { paymentStatus } from './record-purchases.ts';

/** Change what became of an order's payment, on all its rows. */
export const changePaymentStatus = defineEventJob({
  name: 'change-payment-status',
  queue: 'purchases',
  type: 'purchase',
  op: 'patch',
  event: z.strictObject({ order_id: uuid, payment_status: paymentStatus }),
});
