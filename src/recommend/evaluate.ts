import { createScorecard, type Figures } from './metrics.ts';
import { type Compute, type Model, scoreUsers } from './model.ts';
import { profiles, seenItems } from './signals.ts';
import { columnSums, fromTriples, type Sparse } from './sparse.ts';
import type { Split } from './split.ts';
import { topItems } from './top.ts';

/** Scores of a batch of users for every item, users × items, with minus infinity for what they have seen. */
export type Score = (batch: { profiles: Sparse; seen: Sparse }) => Promise<Float32Array>;

/** Told of a user's list alone. */
export type OnUser = (figures: Pick<Figures, 'recall' | 'ndcg'>) => void;

/** Floats of a batch's scores: 64 MB of them. */
const batchFloats = 16_000_000;

/** These rows, in this order. */
export const pickRows = (matrix: Sparse, rows: Uint32Array): Sparse => {
  let entries = 0;
  for (const row of rows) entries += (matrix.starts[row + 1] as number) - (matrix.starts[row] as number);
  const users = new Uint32Array(entries);
  const items = new Uint32Array(entries);
  const values = new Float32Array(entries);
  let filled = 0;
  rows.forEach((row, place) => {
    const first = matrix.starts[row] as number;
    const last = matrix.starts[row + 1] as number;
    users.fill(place, filled, filled + last - first);
    items.set(matrix.indices.subarray(first, last), filled);
    values.set(matrix.values.subarray(first, last), filled);
    filled += last - first;
  });
  return fromTriples({ rows: rows.length, columns: matrix.columns }, users, items, values);
};

/** What an evaluation needs of a split, worked out once for many models. */
export interface Examination {
  split: Split;
  k: number;
  seen: Sparse;
  holders: Uint32Array;
}

export const prepareExamination = (split: Split, k = 20): Examination => {
  const seen = seenItems(split.training);
  return { split, k, seen: pickRows(seen, split.users), holders: Uint32Array.from(columnSums(seen)) };
};

/**
 * The figures of any way to score: lists of k that leave out what the user has, against what they turned to. `onUser` is
 * told of each list, in the order of the split's users.
 */
export const examine = async (
  { split, k, seen, holders }: Examination,
  userProfiles: Sparse,
  score: Score,
  onUser?: OnUser,
): Promise<Figures> => {
  const card = createScorecard(k, holders, split.training.userCount);
  const items = split.training.itemCount;
  const size = Math.max(1, Math.floor(batchFloats / Math.max(items, 1)));
  for (let from = 0; from < split.users.length; from += size) {
    const rows = Uint32Array.from(
      { length: Math.min(size, split.users.length - from) },
      (_, place) => from + place,
    );
    const scores = await score({ profiles: pickRows(userProfiles, rows), seen: pickRows(seen, rows) });
    for (const [place, row] of rows.entries()) {
      const { items: list } = topItems(scores.subarray(place * items, (place + 1) * items), k);
      const own = card.add(list, split.wanted[row] as Uint32Array);
      onUser?.(own);
    }
  }
  return card.figures();
};

/** The figures of a trained model on a split; it must have been trained on that split's training part. */
export const evaluateModel = (
  model: Model,
  examination: Examination,
  { dense }: Pick<Compute, 'dense'>,
): Promise<Figures> => {
  const { training, users } = examination.split;
  const userProfiles = pickRows(profiles(training, model.parameters), users);
  return examine(examination, userProfiles, (batch) => scoreUsers(model, batch, dense));
};
