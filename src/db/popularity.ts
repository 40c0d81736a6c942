import type { Db } from './database.ts';
import type { DirtyKey } from './dirty-keys.ts';

/** Event type to weight: how much one event of the type says about liking the product. */
export type EventWeights = Readonly<Record<string, number>>;

/** Recount how popular these products are from everything that happened to them. */
export const refreshProductPopularity = (db: Db, products: readonly DirtyKey[], weights: EventWeights) => db`
  select refresh_popularity(${products.map(({ key }) => key)}::uuid[], ${JSON.stringify(weights)}::text::jsonb)`;
