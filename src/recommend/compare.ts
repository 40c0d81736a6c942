import { evaluateModel, prepareExamination } from './evaluate.ts';
import { type Figures, meanFigures } from './metrics.ts';
import type { Compute } from './model.ts';
import type { StoredModel } from './model-file.ts';
import { prepareScoring } from './score-batch.ts';
import { filterSignals, type Signals } from './signals.ts';
import { objective } from './tune.ts';

/** Fewer users say nothing. */
const leastUsers = 50;
/** Users are compared in so many groups: from how these differ follows how sure the comparison is. */
const groups = 20;
/** Of items that a model does not know. */
const unknown = 0xffffffff;

export interface Comparison {
  candidate: Figures;
  serving: Figures;
  /** Of the objective, candidate less serving, and its standard error. */
  difference: number;
  standardError: number;
  users: number;
  /** The candidate does worse, by more than chance explains. */
  worse: boolean;
}

interface Asked {
  /** Items are product numbers. */
  signals: Signals;
  wanted: readonly Uint32Array[];
}

/** What of this concerns these users, in the words of a model's items. */
const inItems = (stored: StoredModel, { signals, wanted }: Asked, isIn: (user: number) => boolean) => {
  const { itemOf } = prepareScoring(stored);
  const own = filterSignals(
    signals,
    (at) => isIn(signals.users[at] as number) && (itemOf[signals.items[at] as number] ?? -1) >= 0,
  );
  const items = own.items.map((number) => itemOf[number] as number);
  const users = Uint32Array.from([...wanted.keys()].filter(isIn));
  return {
    training: { ...own, items, itemCount: stored.model.itemCount },
    users,
    // Every model is asked for the same, whether it knows it or not.
    wanted: Array.from(users, (user) =>
      (wanted[user] as Uint32Array).map((number) => {
        const item = itemOf[number] ?? -1;
        return item < 0 ? unknown : item;
      }),
    ),
    byTime: false,
  };
};

/** Compare two models by what both have not seen; undefined where that is too little to say anything. */
export const compareModels = async (
  models: { candidate: StoredModel; serving: StoredModel },
  asked: Asked,
  compute: Pick<Compute, 'dense'>,
): Promise<Comparison | undefined> => {
  if (asked.wanted.length < leastUsers) return undefined;
  const evaluate = async (stored: StoredModel): Promise<Figures[]> => {
    const figures: Figures[] = [];
    for (let group = 0; group < groups; group += 1) {
      const split = inItems(stored, asked, (user) => user % groups === group);
      figures.push(await evaluateModel(stored.model, prepareExamination(split), compute));
    }
    return figures;
  };
  const candidate = await evaluate(models.candidate);
  const serving = await evaluate(models.serving);
  const differences = candidate.map((figures, at) => objective(figures) - objective(serving[at] as Figures));
  const difference = differences.reduce((sum, one) => sum + one, 0) / groups;
  const variance = differences.reduce((sum, one) => sum + (one - difference) ** 2, 0) / (groups - 1);
  const standardError = Math.sqrt(variance / groups);
  return {
    candidate: meanFigures(candidate),
    serving: meanFigures(serving),
    difference,
    standardError,
    users: asked.wanted.length,
    worse: difference < -2 * standardError,
  };
};
