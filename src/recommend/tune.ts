import { evaluateItemKnn, evaluatePopularity } from './baselines.ts';
import { type Figures, meanFigures } from './metrics.ts';
import type { Compute } from './model.ts';
import { defaultParameters, type Parameters } from './parameters.ts';
import type { Signals } from './signals.ts';
import { splitSignals } from './split.ts';
import { createTrial } from './trial.ts';

export interface Tuning {
  parameters: Parameters;
  /** False: too little data to choose by; the parameters are the defaults. */
  tuned: boolean;
  byTime: boolean;
  /** Of the chosen parameters, on what was hidden; no figures where nothing could be hidden. */
  chosen?: Figures;
  baselines?: { popularity: Figures; itemKnn: Figures };
  /** Everything that was tried, in order. */
  trials: { parameters: Parameters; figures: Figures }[];
  ms: number;
}

export interface TuneOptions {
  budgetMs: number;
  seed?: number;
  k?: number;
  start?: Parameters;
  onProgress?: (done: number, trying: string) => void;
}

/** Fewer test users than this say less than experience does. */
const minUsers = 50;
const maxUsers = 2_000;

/** Small steps are gone through so often at most: each may make another one worth while. */
const rounds = 2;
/** Where all of them together gained no more than this share, another round finds only what chance hid. */
const worthAnother = 0.01;

/**
 * A change has to gain more than so many standard errors of what it gains a user: of thirty changes that make no
 * difference the luckiest would otherwise always be taken, and some of them together made lists worse.
 */
const beyondChance = 1;

/** What is compared: half recall, half its order. */
export const objective = ({ recall, ndcg }: Pick<Figures, 'recall' | 'ndcg'>): number => (recall + ndcg) / 2;

/** Whether the same users are better off by more than chance may give. */
const isBetter = (now: readonly number[], before: readonly number[]): boolean => {
  const gains = now.map((own, user) => own - (before[user] as number));
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const variance = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / gains.length;
  return mean > beyondChance * Math.sqrt(variance / gains.length);
};

/** A change to try. */
interface Step {
  name: string;
  change: (from: Parameters) => Parameters;
}

/** Steps that replace values of one group of parameters. */
const steps =
  <G extends 'signals' | 'local' | 'lowRank'>(group: G) =>
  (changes: readonly Partial<Parameters[G]>[]): Step[] =>
    changes.map((change) => ({
      name: Object.entries(change)
        .map(([name, value]) => `${name} = ${value}`)
        .join(', '),
      change: (from) => ({ ...from, [group]: { ...from[group], ...change } }),
    }));

const inSignals = steps('signals');
const inLocal = steps('local');
const inLowRank = steps('lowRank');

const shares = (values: readonly number[]): Step[] =>
  values.map((lowRankShare) => ({
    name: `low-rank share = ${lowRankShare}`,
    change: (from) => ({ ...from, lowRankShare }),
  }));

/** Moves one exponent of the local part by so much. */
const moveLocal = (name: 'a' | 'b' | 'c', by: number): Step => ({
  name: `${name} ${by > 0 ? '+' : '−'} ${Math.abs(by)}`,
  change: (from) => {
    const value = Math.round(100 * Math.min(Math.max(from.local[name] + by, 0), 1.5)) / 100;
    return { ...from, local: { ...from.local, [name]: value } };
  },
});

/** Multiplies what directions are held against; an ideal low-pass has nothing to multiply. */
const filterTimes = (factor: number): Step => ({
  name: `filter × ${factor}`,
  change: (from) => ({
    ...from,
    lowRank: { ...from.lowRank, filter: Number((from.lowRank.filter * factor).toPrecision(3)) },
  }),
});

/** The low-rank part as a regression of each item on all others, as EASE is (Steck 2019): best on small, dense shops. */
const asRegression: Step = {
  name: 'regression',
  change: (from) => ({
    ...from,
    local: { ...from.local, c: 0.5, q: 0.75 },
    lowRank: {
      ...from.lowRank,
      ...{ userExponent: 0, itemExponent: 0, scoreExponent: 0 },
      ...{ filter: 0.02, excludeItself: true },
    },
    lowRankShare: 0.7,
  }),
};

/** What scores depend on: a part without a share says nothing, whatever its parameters are. */
const telling = ({ signals, local, lowRank, lowRankShare }: Parameters): string =>
  JSON.stringify([signals, lowRankShare, lowRankShare < 1 && local, lowRankShare > 0 && lowRank]);

/** Does anything in a list differ from its first? */
const varies = (values: Float32Array): boolean => values.some((value) => value !== values[0]);

/**
 * Choose the parameters on what each of a sample of users did last, one after the other. Ends within about its budget, but
 * tries at least `start`, and beside it `asRegression` unless that alone took so long; the same signals, seed and enough
 * time give the same choice. With too few data, the defaults.
 */
export const tune = async (signals: Signals, options: TuneOptions, compute: Compute): Promise<Tuning> => {
  const { budgetMs, seed = 1, k = 20, start = defaultParameters, onProgress } = options;
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  const newest = splitSignals(signals, { maxUsers, seed });
  const result: Tuning = { parameters: start, tuned: false, byTime: newest.byTime, trials: [], ms: 0 };
  if (newest.users.length < minUsers) return { ...result, ms: elapsed() };
  // Few users: a second question, as it would have been asked before what the first one hides.
  const splits = [newest];
  if (newest.users.length < maxUsers / 2) splits.push(splitSignals(newest.training, { maxUsers, seed }));
  const trials = splits.map((split) => createTrial(split, { k, seed, start, compute }));
  const evaluate = async (parameters: Parameters) => {
    const figures: Figures[] = [];
    const each: number[] = [];
    for (const trial of trials)
      figures.push(await trial.evaluate(parameters, (own) => each.push(objective(own))));
    return { figures: meanFigures(figures), each };
  };

  const tried = new Set<string>();
  let best = start;
  let bestFigures: Figures | undefined;
  /** The same of each user. */
  let bestEach: number[] = [];
  // What a trial takes, with and without something new to fit.
  const longest = { fitting: 0, scoring: 0 };
  /** Take a change that is better than all before it, until the share of the budget is used up. */
  const attempt = async (
    tries: readonly Step[],
    until: number,
    kind: keyof typeof longest,
  ): Promise<void> => {
    for (const { name, change } of tries) {
      // The longest trial so far is what the next may take.
      if (bestFigures && elapsed() + longest[kind] > until * budgetMs) return;
      const parameters = change(best);
      const key = telling(parameters);
      if (tried.has(key)) continue;
      tried.add(key);
      onProgress?.(Math.min(1, elapsed() / budgetMs), name);
      const asked = elapsed();
      const { figures, each } = await evaluate(parameters);
      longest[kind] = Math.max(longest[kind], elapsed() - asked);
      result.trials.push({ parameters, figures });
      if (bestFigures && !isBetter(each, bestEach)) continue;
      best = parameters;
      bestFigures = figures;
      bestEach = each;
    }
  };

  // Two that are far apart and both known to be good; from the better one in small steps, those that matter most first,
  // so that whenever time runs out there is something to show for it.
  await attempt([{ name: 'start', change: (from) => from }], 1, 'fitting');
  // Which of the two it is says more than all small steps together: the second may go beyond the budget.
  if (elapsed() < budgetMs) await attempt([asRegression], Number.POSITIVE_INFINITY, 'fitting');
  const { rank } = start.lowRank;
  for (let round = 0; round < rounds; round += 1) {
    const before = bestFigures && objective(bestFigures);
    await attempt(shares([0.35, 0.5, 0.7, 0.85, 0.2, 1]), 0.9, 'scoring');
    await attempt(
      best.lowRank.filter > 0
        ? [0.5, 2, 0.7, 1.4].map(filterTimes)
        : inLowRank([
            { filter: 0.02, excludeItself: true },
            { rank: Math.ceil(rank / 2) },
            { rank: Math.ceil(rank / 8) },
          ]),
      0.9,
      'scoring',
    );
    await attempt([moveLocal('c', 0.1), moveLocal('c', -0.1)], 0.9, 'scoring');
    await attempt(inLocal([0.75, 1, 1.5].map((q) => ({ q }))), 0.9, 'scoring');
    await attempt(
      inSignals([null, 1_000, 120, 30].map((halfLifeDays) => ({ halfLifeDays }))),
      0.9,
      'scoring',
    );
    await attempt([moveLocal('a', 0.2), moveLocal('a', -0.2)], 0.9, 'scoring');
    if (signals.ratings.some((rating) => rating > 0))
      await attempt(inSignals([{ disliked: 0 }, { disliked: -0.3 }]), 0.9, 'scoring');
    await attempt([moveLocal('b', 0.25), moveLocal('b', -0.25)], 0.9, 'fitting');
    await attempt(
      inLowRank([
        {
          ...{ userExponent: 0.25, itemExponent: 0.25, scoreExponent: 0.25 },
          ...{ filter: 0.03, excludeItself: true },
        },
      ]),
      0.9,
      'fitting',
    );
    if (varies(signals.weights)) await attempt(inSignals([{ power: 0.25 }, { power: 1 }]), 0.9, 'fitting');
    if (!bestFigures || !before || objective(bestFigures) < (1 + worthAnother) * before) break;
  }

  onProgress?.(1, 'baselines');
  const popularity: Figures[] = [];
  const itemKnn: Figures[] = [];
  for (const { examination } of trials) {
    popularity.push(await evaluatePopularity(examination));
    itemKnn.push(await evaluateItemKnn(examination, compute));
  }
  return {
    ...result,
    parameters: best,
    tuned: true,
    ...(bestFigures && { chosen: bestFigures }),
    baselines: { popularity: meanFigures(popularity), itemKnn: meanFigures(itemKnn) },
    ms: elapsed(),
  };
};
