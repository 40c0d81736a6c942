import type { Db } from './database.ts';
import type { DirtyKey } from './dirty-keys.ts';

/** Recount the mean of the approved reviews of these products: one decimal, 0.0 without any. */
export const refreshProductRatings = (db: Db, products: readonly DirtyKey[]) => db`
  select refresh_ratings(${products.map(({ key }) => key)}::uuid[])`;

/** Recount the votes of these reviews. */
export const refreshReviewHelpfulCounts = (db: Db, reviews: readonly DirtyKey[]) => db`
  select refresh_helpful_counts(${reviews.map(({ key }) => key)}::uuid[])`;

/** Look whether the reviews of these users and products are by buyers. */
export const refreshReviewVerifiedPurchases = (db: Db, pairs: readonly DirtyKey[]) => db`
  select refresh_verified_purchases(
    ${pairs.map(({ key }) => key)}::uuid[], ${pairs.map(({ other }) => other)}::uuid[])`;
