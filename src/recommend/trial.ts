import { type Examination, examine, type OnUser, pickRows, prepareExamination } from './evaluate.ts';
import { type CoOccurrence, coOccurrence, itemSimilarity } from './item-similarity.ts';
import { type Decomposition, decompose, lowRank } from './low-rank.ts';
import type { Figures } from './metrics.ts';
import { type Compute, noLowRank, scoreUsers } from './model.ts';
import type { Parameters } from './parameters.ts';
import { profiles, trainingMatrix } from './signals.ts';
import type { Sparse } from './sparse.ts';
import type { Split } from './split.ts';

/**
 * One value for each key, the last two used are kept: the best so far and the one being tried. The older of them goes
 * before a third is made, for at most two are ever to be in memory.
 */
const createCache = <T>() => {
  const kept = new Map<string, T>();
  return async (key: string, make: () => Promise<T> | T): Promise<T> => {
    const found = kept.get(key);
    if (found !== undefined) {
      kept.delete(key);
      kept.set(key, found);
      return found;
    }
    const [oldest] = kept.keys();
    if (kept.size >= 2 && oldest !== undefined) kept.delete(oldest);
    const value = await make();
    kept.set(key, value);
    return value;
  };
};

export interface Trial {
  examination: Examination;
  /** `onUser` as for `examine`. */
  evaluate(parameters: Parameters, onUser?: OnUser): Promise<Figures>;
}

interface TrialOptions {
  k: number;
  seed: number;
  /** Where tuning starts: the rank that is decomposed to, and the exponent neighbours are chosen by. */
  start: Parameters;
  compute: Compute;
}

/**
 * Tries many parameters on one split. What several of them have in common, the co-occurrence and the decomposition, is
 * worked out once, so that most trials cost no more than the scoring.
 */
export const createTrial = (split: Split, { k, seed, start, compute }: TrialOptions): Trial => {
  const examination = prepareExamination(split, k);
  const matrices = createCache<Sparse>();
  const coOccurrences = createCache<CoOccurrence>();
  const decompositions = createCache<Decomposition>();

  return {
    examination,
    evaluate: async (parameters, onUser) => {
      const { power } = parameters.signals;
      const { b } = parameters.local;
      const { userExponent, itemExponent } = parameters.lowRank;
      const matrix = await matrices(`${power}`, () => trainingMatrix(split.training, parameters));
      const co = await coOccurrences(`${power}/${b}`, () =>
        coOccurrence(matrix, { ...start.local, b }, compute.threads),
      );
      // Always at full rank: a lower one is its beginning.
      const decomposition =
        parameters.lowRankShare > 0 &&
        (await decompositions(`${power}/${userExponent}/${itemExponent}`, () =>
          decompose(matrix, { ...start.lowRank, userExponent, itemExponent, seed }, compute),
        ));
      const model = {
        parameters,
        itemCount: matrix.columns,
        local: itemSimilarity(co, parameters.local),
        lowRank: decomposition ? lowRank(decomposition, parameters.lowRank) : noLowRank(matrix.columns),
      };
      const own = pickRows(profiles(split.training, parameters), split.users);
      return examine(examination, own, (batch) => scoreUsers(model, batch, compute.dense), onUser);
    },
  };
};
