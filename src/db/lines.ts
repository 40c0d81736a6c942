import { applyJsonBy } from './events.ts';

/** Write and remove cart lines. */
export const applyCartLines = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_lines('update-cart', ${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Write and remove wishlist lines. */
export const applyWishlistLines = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_lines('update-wishlist', ${batch}::text::jsonb, ${pepper}, ${again})`,
);
