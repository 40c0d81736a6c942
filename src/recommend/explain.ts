import type { Model } from './model.ts';
import { mostSpeakers } from './parameters.ts';
import type { Sparse } from './sparse.ts';

/**
 * What among a user's own products speaks most for each of these items, by the local part: its product number, 0 where
 * none does. `profiles` has the strongest first; those are asked.
 */
export type Explain = (profiles: Sparse, user: number, items: Uint32Array) => Uint32Array;

export const createExplain = (
  { local: { width, counts, items: neighbours, strengths }, itemCount }: Pick<Model, 'local' | 'itemCount'>,
  products: Uint32Array,
): Explain => {
  // By item: what somebody has to say to be the loudest. Nobody is loud enough for those that are not asked for, so that
  // one comparison decides, which a processor foresees.
  const loudest = new Float64Array(itemCount).fill(Number.POSITIVE_INFINITY);
  const speakers = new Uint32Array(itemCount);
  return (profiles, user, items) => {
    for (let place = 0; place < items.length; place += 1) {
      loudest[items[place] as number] = 0;
      speakers[items[place] as number] = 0;
    }
    const begin = profiles.starts[user] as number;
    const end = Math.min(profiles.starts[user + 1] as number, begin + mostSpeakers);
    for (let at = begin; at < end; at += 1) {
      const own = profiles.indices[at] as number;
      const weight = profiles.values[at] as number;
      const product = products[own] as number;
      const last = own * width + (counts[own] as number);
      for (let entry = own * width; entry < last; entry += 1) {
        const item = neighbours[entry] as number;
        const said = weight * (strengths[entry] as number);
        if (said <= (loudest[item] as number)) continue;
        loudest[item] = said;
        speakers[item] = product;
      }
    }
    const found = new Uint32Array(items.length);
    for (let place = 0; place < items.length; place += 1) {
      const item = items[place] as number;
      loudest[item] = Number.POSITIVE_INFINITY;
      found[place] = speakers[item] as number;
    }
    return found;
  };
};
