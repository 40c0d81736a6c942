import { applyJsonBy } from './events.ts';

/** Write orders, and what follows for carts and reviews. */
export const applyPurchases = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_purchases(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Change what became of orders. */
export const applyPaymentStatuses = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_payment_statuses(${batch}::text::jsonb, ${pepper}, ${again})`,
);
