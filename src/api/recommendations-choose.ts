import type { z } from 'zod';
import type { ListFilter } from '../serving/catalogue.ts';
import type { listType } from '../serving/cohorts.ts';
import type { ProductFilter } from '../serving/product-table.ts';
import { defaultAlpha, type ListReason, type ListView } from '../serving/user-list.ts';

export type ListType = z.output<typeof listType>;

/** What a list is to be made of. */
export interface Wanted {
  k: number;
  type: ListType;
  /** The weight of the collaborative score: 1 and 0 for the types that are one half. */
  alpha: number;
  diversity: number;
  query: string | undefined;
  filter: ListFilter;
  resolved: ProductFilter;
  excluded: ReadonlySet<number>;
  excludeKnown: boolean;
}

/** A product for the answer. */
export interface Choice {
  number: number;
  score: number;
  source: 'collaborative' | 'content' | 'hybrid' | 'semantic' | 'popular';
  reason: ListReason | 'query';
  /** The product that stands for the reason; 0 without one. */
  because: number;
}

const sourceOf = (collaborative: number, content: number): Choice['source'] => {
  if (collaborative === 0) return 'content';
  return content === 0 ? 'collaborative' : 'hybrid';
};

/** The best of a stored list that fit, by the blend asked for: no model, no database. */
export const chooseStored = (
  view: ListView,
  wanted: Wanted,
  { most, allows }: { most: number; allows: (number: number) => boolean },
): Choice[] => {
  const { alpha, excluded, excludeKnown } = wanted;
  const isOrdered = alpha === defaultAlpha;
  const choices: Choice[] = [];
  for (let entry = 0; entry < view.count; entry += 1) {
    if (isOrdered && choices.length === most) break;
    if (excludeKnown && view.knownAt(entry)) continue;
    const number = view.numberAt(entry);
    if (!allows(number) || excluded.has(number)) continue;
    const collaborative = alpha === 0 ? 0 : view.collaborativeAt(entry);
    const content = alpha === 1 ? 0 : view.contentAt(entry);
    const score = alpha * collaborative + (1 - alpha) * content;
    if (score === 0) continue;
    choices.push({
      number,
      score,
      source: sourceOf(collaborative, content),
      reason: view.reasonAt(entry),
      because: view.becauseAt(entry),
    });
  }
  // Equal ones stay in the stored order.
  return isOrdered ? choices : choices.sort((a, b) => b.score - a.score).slice(0, most);
};
