import { applyJsonBy } from './events.ts';

/** Write reviews. */
export const applyReviews = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_reviews(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Delete reviews with their votes. */
export const applyReviewDeletions = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_review_deletions(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Approve reviews, or no longer. */
export const applyModeration = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_moderation(${batch}::text::jsonb, ${pepper}, ${again})`,
);

/** Cast and withdraw votes. */
export const applyVotes = applyJsonBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_votes(${batch}::text::jsonb, ${pepper}, ${again})`,
);
