/** Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", 2009. */
const damping = 60;

export interface Fused {
  number: number;
  score: number;
  /** Which lists it is in. */
  lists: number[];
}

export interface Ranked {
  /** Best first. */
  numbers: readonly number[];
  /** What the list counts; 1 where it is not given. */
  weight?: number;
  /** From 0 to 1 for each, how good it is beside the best: ranks alone say nothing of how far the next ones lie behind. */
  shares?: readonly number[];
}

/** One order from several: who stands high in one list, or in more than one, comes first. Ties go to the smaller number. */
export const fuse = (lists: readonly Ranked[]): Fused[] => {
  const fused = new Map<number, Fused>();
  lists.forEach(({ numbers, weight = 1, shares }, which) => {
    numbers.forEach((number, at) => {
      const entry = fused.get(number) ?? { number, score: 0, lists: [] };
      entry.score += (weight * (shares?.[at] ?? 1)) / (damping + at + 1);
      entry.lists.push(which);
      fused.set(number, entry);
    });
  });
  return [...fused.values()].sort((a, b) => b.score - a.score || a.number - b.number);
};
