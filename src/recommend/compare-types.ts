import { evaluateItemKnn, evaluatePopularity } from './baselines.ts';
import type { Dense, DenseProducts } from './dense.ts';
import { type Examination, examine, pickRows, type Score } from './evaluate.ts';
import type { Figures } from './metrics.ts';
import { type Compute, type Model, scoreUsers } from './model.ts';
import { profiles } from './signals.ts';
import type { Sparse } from './sparse.ts';

/** Popularity of the type `popular`: a deed counts half after so long. */
const popularHalfLifeSeconds = 30 * 86_400;

const leaveOut = (row: Float32Array, seen: Sparse, user: number): void => {
  for (let at = seen.starts[user] as number; at < (seen.starts[user + 1] as number); at += 1)
    row[seen.indices[at] as number] = Number.NEGATIVE_INFINITY;
};

/** What is deed by deed liked by all lately, the same for everybody. */
const popularScores = ({ split }: Examination): Score => {
  const { items, weights, ratings, times, itemCount } = split.training;
  const newest = times.reduce((latest, time) => Math.max(latest, time), Number.NEGATIVE_INFINITY);
  const scores = new Float64Array(itemCount);
  items.forEach((item, at) => {
    const rating = ratings[at] as number;
    if (rating > 0 && rating < 3) return;
    const fade = 0.5 ** ((newest - (times[at] as number)) / popularHalfLifeSeconds);
    scores[item] = (scores[item] as number) + Math.max(weights[at] as number, 0) * fade;
  });
  return async ({ seen }) => {
    const all = new Float32Array(seen.rows * itemCount);
    for (let user = 0; user < seen.rows; user += 1) {
      const row = all.subarray(user * itemCount, (user + 1) * itemCount);
      row.set(scores);
      leaveOut(row, seen, user);
    }
    return all;
  };
};

/** Likeness of every item's vector to the user's profile: what they liked, by how much, less what they did not. */
const contentScores =
  (vectors: Dense, dense: DenseProducts): Score =>
  async ({ profiles: own, seen }) => {
    const dim = vectors.columns;
    const wishes = new Float32Array(own.rows * dim);
    for (let user = 0; user < own.rows; user += 1) {
      for (let at = own.starts[user] as number; at < (own.starts[user + 1] as number); at += 1) {
        const weight = own.values[at] as number;
        const from = (own.indices[at] as number) * dim;
        for (let axis = 0; axis < dim; axis += 1) {
          const place = user * dim + axis;
          wishes[place] = (wishes[place] as number) + weight * (vectors.values[from + axis] as number);
        }
      }
    }
    const { values } = await dense.multiply({ rows: own.rows, columns: dim, values: wishes }, vectors, {
      right: true,
    });
    for (let user = 0; user < own.rows; user += 1)
      leaveOut(values.subarray(user * vectors.rows, (user + 1) * vectors.rows), seen, user);
    return values;
  };

/** alpha × the one + (1 − alpha) × the other, each as a share of the user's best, and nothing below zero. */
const blended =
  (alpha: number, one: Score, other: Score, items: number): Score =>
  async (batch) => {
    const [first, second] = [await one(batch), await other(batch)];
    for (let user = 0; user < batch.seen.rows; user += 1) {
      const row = first.subarray(user * items, (user + 1) * items);
      const more = second.subarray(user * items, (user + 1) * items);
      const best = [row, more].map((scores) => scores.reduce((most, score) => Math.max(most, score), 0) || 1);
      const [scale, moreScale] = [alpha / (best[0] as number), (1 - alpha) / (best[1] as number)];
      for (let item = 0; item < items; item += 1) {
        if (row[item] === Number.NEGATIVE_INFINITY) continue;
        row[item] = scale * Math.max(row[item] as number, 0) + moreScale * Math.max(more[item] as number, 0);
      }
    }
    return first;
  };

export interface Compared {
  name: string;
  figures: Figures;
}

interface CompareOptions {
  /** Trained on the examination's training part. */
  model: Model;
  /** A row of unit length for each item, zeros for those without; undefined leaves out what needs vectors. */
  vectors: Dense | undefined;
  /** Of the hybrid lists, one row each. */
  alphas: readonly number[];
  compute: Compute;
  onProgress: (done: number, total: number, name: string) => void;
}

/** Every type of list and two baselines, on the same users. */
export const compareTypes = async (
  examination: Examination,
  { model, vectors, alphas, compute, onProgress }: CompareOptions,
): Promise<Compared[]> => {
  const { training, users } = examination.split;
  const own = pickRows(profiles(training, model.parameters), users);
  const collaborative: Score = (batch) => scoreUsers(model, batch, compute.dense);
  const content = vectors && contentScores(vectors, compute.dense);
  const ask = (score: Score) => () => examine(examination, own, score);
  const rows: [name: string, evaluate: () => Promise<Figures>][] = [
    ...(content
      ? alphas.map((alpha): [string, () => Promise<Figures>] => [
          `hybrid, alpha ${alpha}`,
          ask(blended(alpha, collaborative, content, training.itemCount)),
        ])
      : []),
    ['collaborative', ask(collaborative)],
    ...(content ? [['content', ask(content)] as [string, () => Promise<Figures>]] : []),
    ['popular', ask(popularScores(examination))],
    ['baseline: popularity', () => evaluatePopularity(examination)],
    ['baseline: item-kNN', () => evaluateItemKnn(examination, compute)],
  ];
  const compared: Compared[] = [];
  for (const [at, [name, evaluate]] of rows.entries()) {
    onProgress(at, rows.length, name);
    compared.push({ name, figures: await evaluate() });
  }
  return compared;
};
