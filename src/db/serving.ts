import type { Db } from './database.ts';

/**
 * Give these products a number where they have none, and say what readers hold of them, packed as `readFacts` takes it.
 * Of two announcements the one with the higher version is never older. Ids of no product are left out.
 */
export const announceProducts = async (
  db: Db,
  ids: readonly string[],
): Promise<{ version: number; facts: Uint8Array }> => {
  const [announced] = await db<{ version: number; facts: Uint8Array | null }>`
    select version, facts from announce_products(${ids}::uuid[])`;
  return { version: announced?.version ?? 0, facts: announced?.facts ?? new Uint8Array() };
};

/** Bring the words of announced products up to date; costs little where only a price or the stock changed. */
export const keepProductTexts = (db: Db, ids: readonly string[]) => db`
  select keep_product_texts(${ids}::uuid[])`;

/** What is read after this is as new as everything announced under this version, or newer. */
export const findAnnouncedVersion = async (db: Db): Promise<number> => {
  const [found] = await db<{ version: number }>`select announced_version() as version`;
  return found?.version ?? 0;
};

/** The facts of the products with the next numbers, packed; undefined after the last. */
export const listProductFacts = async (
  db: Db,
  after: number,
  size: number,
): Promise<{ last: number; facts: Uint8Array } | undefined> => {
  const [page] = await db<{ last: number | null; facts: Uint8Array | null }>`
    select last, facts from list_product_facts(${after}, ${size})`;
  return page?.last && page.facts ? { last: page.last, facts: page.facts } : undefined;
};

export interface CategoryNode {
  category_id: number;
  slug: string;
  parent_id: number | null;
}

/** The category tree, by number. */
export const listCategoryTree = (db: Db) => db<CategoryNode>`
  select category_id, slug, parent_id from categories order by category_id`;

/** What lists show of these products, under their ids. */
export const listProductCards = async (
  db: Db,
  ids: readonly string[],
): Promise<Map<string, Record<string, unknown>>> => {
  const rows = await db<{ id: string; card: Record<string, unknown> | null }>`
    select id, product_card(id) as card from unnest(${ids}::uuid[]) as id`;
  return new Map(rows.flatMap(({ id, card }) => (card ? [[id, card]] : [])));
};

/** The numbers of those of these products that have one. */
export const listNumbers = async (db: Db, ids: readonly string[]): Promise<number[]> => {
  const rows = await db<{ number: number }>`
    select number from product_numbers where product_id = any(${ids}::uuid[])`;
  return rows.map(({ number }) => number);
};

/** 0 before the first. */
export const findHighestNumber = async (db: Db): Promise<number> => {
  const [row] = await db<{ number: number }>`select number from product_numbers order by number desc limit 1`;
  return row?.number ?? 0;
};

/** Mark every list of similar products stale. */
export const markAllSimilar = (db: Db) => db`
  insert into dirty_keys (kind, key) values ('similar', '00000000-0000-0000-0000-000000000000')`;
