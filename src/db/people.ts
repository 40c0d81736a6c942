import { applyBy } from './events.ts';

/** Write what is said of users. */
export const applyUsers = applyBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts from apply_users(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Write what is said of sessions. */
export const applySessions = applyBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts from apply_sessions(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Merge one visitor into a person. */
export const applyMerges = applyBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts from apply_merges(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Forget one person. */
export const applyErasures = applyBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts from apply_erasures(${batch}::text::jsonb, ${pepper}, ${again})`,
);
