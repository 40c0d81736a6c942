/** Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", 2009. */
const damping = 60;

export interface Fused {
  number: number;
  score: number;
  /** Which lists it is in. */
  lists: number[];
}

/**
 * One order from several: who stands high in one list, or in more than one, comes first. Ties go to the smaller number.
 * @param weights what each list counts; 1 where none is given.
 */
export const fuse = (lists: readonly (readonly number[])[], weights: readonly number[] = []): Fused[] => {
  const fused = new Map<number, Fused>();
  lists.forEach((list, which) => {
    list.forEach((number, at) => {
      const entry = fused.get(number) ?? { number, score: 0, lists: [] };
      entry.score += (weights[which] ?? 1) / (damping + at + 1);
      entry.lists.push(which);
      fused.set(number, entry);
    });
  });
  return [...fused.values()].sort((a, b) => b.score - a.score || a.number - b.number);
};
