import { applyJsonBy } from './events.ts';

/** Write products, field by field. */
export const applyProducts = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_products(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Write one category. */
export const applyCategories = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_categories(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Write and delete images. */
export const applyImages = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_images(${batch}::text::jsonb, ${pepper}, ${again})`,
);
