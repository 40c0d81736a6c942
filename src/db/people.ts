import type { Db } from './database.ts';
import { applyJsonBy } from './events.ts';

/** Write what is said of users. */
export const applyUsers = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_users(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Write what is said of sessions. */
export const applySessions = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_sessions(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Merge one visitor into a person. */
export const applyMerges = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_merges(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Forget one person. */
export const applyErasures = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_erasures(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Which of these ids are of erased persons, or of what was theirs. */
export const listErased = async (db: Db, ids: readonly string[], pepper: Buffer): Promise<string[]> => {
  const found = await db<{ id: string }>`
    select id from unnest(${ids}::uuid[]) as id where is_erased(id, ${pepper})`;
  return found.map(({ id }) => id);
};
