import { type Examination, examine, pickRows } from './evaluate.ts';
import { coOccurrence, itemSimilarity } from './item-similarity.ts';
import type { Figures } from './metrics.ts';
import { type Compute, noLowRank, scoreUsers } from './model.ts';
import { defaultParameters, type Parameters } from './parameters.ts';
import { profiles, trainingMatrix } from './signals.ts';
import { columnSums } from './sparse.ts';

/** The same items for everybody: those that most users like. */
export const evaluatePopularity = (examination: Examination): Promise<Figures> => {
  const { training, users } = examination.split;
  const popularity = Float32Array.from(columnSums(trainingMatrix(training, plain)));
  const nothing = pickRows(profiles(training, plain), users);
  return examine(examination, nothing, async ({ seen }) => {
    const scores = new Float32Array(seen.rows * popularity.length);
    for (let user = 0; user < seen.rows; user += 1) {
      const row = scores.subarray(user * popularity.length, (user + 1) * popularity.length);
      row.set(popularity);
      for (let at = seen.starts[user] as number; at < (seen.starts[user + 1] as number); at += 1)
        row[seen.indices[at] as number] = Number.NEGATIVE_INFINITY;
    }
    return scores;
  });
};

/** Item-to-item cosine over likes, untuned: the textbook's recommender (Sarwar et al. 2001). */
export const evaluateItemKnn = async (examination: Examination, compute: Compute): Promise<Figures> => {
  const { training, users } = examination.split;
  const co = await coOccurrence(trainingMatrix(training, plain), plain.local, compute.threads);
  const model = {
    parameters: plain,
    itemCount: training.itemCount,
    local: itemSimilarity(co, plain.local),
    lowRank: noLowRank(training.itemCount),
  };
  const userProfiles = pickRows(profiles(training, plain), users);
  return examine(examination, userProfiles, (batch) => scoreUsers(model, batch, compute.dense));
};

const plain: Parameters = {
  ...defaultParameters,
  signals: { power: 0, disliked: 0, halfLifeDays: null },
  local: { a: 0.5, b: 0, c: 0.5, q: 1, neighbours: 100 },
  lowRankShare: 0,
};
