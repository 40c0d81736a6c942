import type { Db } from './database.ts';

export interface WordSearch {
  text: string;
  /** Numbers of the products to stay within, where they are few; the other filters are needless then. */
  within?: readonly number[] | undefined;
  /** Numbers of the categories to stay within. */
  categories?: readonly number[] | undefined;
  /** Exact decimals. */
  minPrice?: string | undefined;
  maxPrice?: string | undefined;
  limit: number;
}

export interface WordHit {
  /** The product's. */
  number: number;
  /** What was typed is its name or its code. */
  exact: boolean;
  /** It has some of the words, and there were too few that have all. */
  partial: boolean;
}

/** Available products by their words, best first. A word that no product has is taken for the nearest that one has. */
export const searchWords = (db: Db, { text, within, categories, minPrice, maxPrice, limit }: WordSearch) =>
  db<WordHit>`
    select number, exact, partial
    from search_products(${text}, ${within ?? null}::integer[], ${categories ?? null}::integer[], ${minPrice ?? null}::numeric,
      ${maxPrice ?? null}::numeric, ${limit})`;
