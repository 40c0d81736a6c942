import type { Rows, ScoringModel } from './score-batch.ts';

/** Products whose signals stand beside those of so few others say half of what well-known ones say. */
const thinNeighbours = 10;

/** The products that go with each of the asked ones by the model, best first, with scores from above 0 to below 1. */
export type ItemNeighbours = Rows & { scores: Float32Array };

/**
 * Item-to-item neighbours on a scale that is the same for all: how strongly each of the two leads to the other, as a share
 * of the strongest it leads to, and the geometric mean of both. One direction alone would have every product lead to
 * the best-selling ones, and what one visitor happened to see lead to whatever else they saw: for the same reason
 * products with few neighbours have less to say.
 */
export const itemNeighbours = (
  { model: { local }, products, itemOf }: ScoringModel,
  numbers: Uint32Array,
  k: number,
): ItemNeighbours => {
  const { width, counts, items, strengths } = local;
  /** The strongest of an item's row, and the weakest where more were left out. */
  const ends = (item: number): [strongest: number, weakest: number] => {
    const count = counts[item] as number;
    let strongest = 0;
    let weakest = Number.POSITIVE_INFINITY;
    for (let at = item * width; at < item * width + count; at += 1) {
      strongest = Math.max(strongest, strengths[at] as number);
      weakest = Math.min(weakest, strengths[at] as number);
    }
    return [strongest, count === width && count < products.length - 1 ? weakest : 0];
  };
  const shareOf = (from: number, to: number): number => {
    const [strongest, weakest] = ends(from);
    if (strongest <= 0) return 0;
    const first = from * width;
    const place = items.subarray(first, first + (counts[from] as number)).indexOf(to);
    return (place < 0 ? weakest : (strengths[first + place] as number)) / strongest;
  };
  const trust = (item: number): number => {
    const count = counts[item] as number;
    return count / (count + thinNeighbours);
  };

  const rows = [...numbers].map((number) => {
    const item = itemOf[number] ?? -1;
    if (item < 0) return [];
    const [strongest] = ends(item);
    if (strongest <= 0) return [];
    const first = item * width;
    return Array.from({ length: counts[item] as number }, (_, place) => ({
      other: items[first + place] as number,
      share: (strengths[first + place] as number) / strongest,
    }))
      .sort((a, b) => b.share - a.share)
      .slice(0, 2 * k)
      .map(({ other, share }) => ({
        number: products[other] as number,
        score: Math.sqrt(share * shareOf(other, item)) * Math.min(trust(item), trust(other)),
      }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || a.number - b.number)
      .slice(0, k);
  });
  const starts = new Uint32Array(rows.length + 1);
  rows.forEach((row, at) => {
    starts[at + 1] = (starts[at] as number) + row.length;
  });
  const flat = rows.flat();
  return {
    starts,
    numbers: Uint32Array.from(flat, ({ number }) => number),
    scores: Float32Array.from(flat, ({ score }) => score),
  };
};
