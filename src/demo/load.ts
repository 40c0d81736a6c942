import { type DemoTable, insertDemoShop, type LoadProgress } from '../db/demo-shop.ts';
import { generateShop } from './shop.ts';

interface LoadOptions {
  /** Which shop; the same seed gives the same one. */
  seed?: number;
  /** The moment the shop's ninety days end. */
  now?: Date;
  onProgress?: LoadProgress;
}

/**
 * Fill an empty, migrated database with the demo shop, in one transaction. Does nothing when there are products.
 * @returns how many rows each table got: none when nothing was loaded.
 */
export const loadDemoShop = async (
  databaseUrl: string,
  { seed = 1, now = new Date(), onProgress }: LoadOptions = {},
): Promise<{ loaded: boolean; counts: Partial<Record<DemoTable, number>> }> => {
  const shop = await insertDemoShop(databaseUrl, () => generateShop({ seed, now }), onProgress);
  if (!shop) return { loaded: false, counts: {} };
  const counts = Object.fromEntries(Object.entries(shop).map(([table, rows]) => [table, rows.length]));
  return { loaded: true, counts };
};
