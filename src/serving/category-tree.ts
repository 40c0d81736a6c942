import type { CategoryNode } from '../db/serving.ts';

/** The tree of categories as it was read. */
export interface CategoryTree {
  /** Numbers of the category and of all below it; undefined when there is none of this slug. */
  within(slug: string): ReadonlySet<number> | undefined;
}

export const createCategoryTree = (nodes: readonly CategoryNode[]): CategoryTree => {
  const bySlug = new Map(nodes.map(({ slug, category_id }) => [slug, category_id]));
  const below = new Map<number, number[]>();
  for (const { category_id, parent_id } of nodes) {
    if (parent_id === null) continue;
    const siblings = below.get(parent_id);
    if (siblings) siblings.push(category_id);
    else below.set(parent_id, [category_id]);
  }
  const found = new Map<string, ReadonlySet<number>>();
  return {
    within(slug) {
      const known = found.get(slug);
      if (known) return known;
      const root = bySlug.get(slug);
      if (root === undefined) return undefined;
      const all = new Set([root]);
      for (const category of all) for (const child of below.get(category) ?? []) all.add(child);
      found.set(slug, all);
      return all;
    },
  };
};
