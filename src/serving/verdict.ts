import { type Clustered, clusteredVariance, holm, twoSided, z95 } from './proportions.ts';

/** What a verdict is spoken on: one cohort's figures, the first cohort being what the others are compared with. */
export interface CohortFigures {
  name: string;
  weight: number;
  users: number;
  /** Answers followed by a click, of all answers. */
  clicked: Clustered;
  buyers: number;
}

/** Fewer successes or failures than this in one of two cohorts, and the normal distribution says nothing of them. */
const enough = 10;
const significant = 0.05;
/** Users are dealt by a hash, so a split this unlikely is a mistake in how answers are asked for or logged. */
const unlikelySplit = 0.001;

interface Comparison {
  what: string;
  of: string;
  against: string;
  /** Shares. */
  one: number;
  other: number;
  deviation: number;
  p: number;
  tooFew: boolean;
}

const compare = (
  [what, of, against]: [string, string, string],
  one: Clustered,
  other: Clustered,
): Comparison => {
  const counts = [one, other].flatMap(({ successes, trials }) => [successes, trials - successes]);
  const shares = [one, other].map(({ successes, trials }) => (trials === 0 ? 0 : successes / trials));
  const [share = 0, otherShare = 0] = shares;
  const tooFew = Math.min(...counts, one.clusters, other.clusters) < enough;
  const deviation = tooFew ? 0 : Math.sqrt(clusteredVariance(one) + clusteredVariance(other));
  return {
    ...{ what, of, against, one: share, other: otherShare, deviation, tooFew },
    p: tooFew ? 1 : twoSided((share - otherShare) / deviation),
  };
};

/** Users as clusters of one. */
const ofUsers = (successes: number, users: number): Clustered => ({
  successes,
  trials: users,
  clusters: users,
  successSquares: successes,
  products: successes,
  trialSquares: users,
});

const percent = (share: number): string => {
  const value = 100 * share;
  return `${value.toFixed(Math.abs(value) < 1 ? 2 : 1)} %`;
};
const probability = (p: number): string => (p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`);

const sayDifference = ({ what, of, against, one, other, deviation }: Comparison, p: number): string => {
  const difference = one - other;
  const [low, high] = [difference - z95 * deviation, difference + z95 * deviation];
  const range = `the difference lies between ${percent(low)} and ${percent(high)} of all, at 95 %`;
  const figures = `${percent(one)} against ${percent(other)}`;
  return p < significant
    ? `${what} is ${difference > 0 ? 'higher' : 'lower'} in ${of} than in ${against}: ${figures}; ${range} (${probability(p)}).`
    : `${what} in ${of} and ${against} cannot be told apart: ${figures}; ${range} (${probability(p)}). That does not show that they are equal.`;
};

const splitProblem = (cohorts: readonly CohortFigures[]): string | undefined => {
  const users = cohorts.reduce((sum, one) => sum + one.users, 0);
  const weights = cohorts.reduce((sum, { weight }) => sum + weight, 0);
  const off = cohorts.filter((one) => {
    const share = one.weight / weights;
    const deviation = Math.sqrt(users * share * (1 - share));
    if (deviation === 0) return one.users !== users * share;
    // Near 0 and 1 the normal distribution would cry wolf.
    if (Math.min(share, 1 - share) * users < enough) return false;
    return twoSided((one.users - users * share) / deviation) * cohorts.length < unlikelySplit;
  });
  if (off.length === 0) return undefined;
  return `Do not trust these figures: ${off.map(({ name }) => name).join(', ')} did not get the share of users that its weight says, which chance hardly explains. Is the test asked for in one cohort more than in another?`;
};

/**
 * What the figures show, in plain words and no more than they carry: each cohort against the first, clicks per answer
 * with a user's answers taken together, buyers per user; corrected for the number of comparisons.
 */
export const speakVerdict = (cohorts: readonly CohortFigures[], { active }: { active: boolean }): string => {
  const [first, ...others] = cohorts;
  if (!first || cohorts.every(({ users }) => users === 0))
    return 'Nobody was shown anything in this test yet.';
  const problem = splitProblem(cohorts);
  if (problem) return problem;
  if (others.length === 0) return 'There is one cohort, and nothing to compare it with.';

  const comparisons = others.flatMap((one) => [
    compare(['Click-through', one.name, first.name], one.clicked, first.clicked),
    compare(
      ['Conversion', one.name, first.name],
      ofUsers(one.buyers, one.users),
      ofUsers(first.buyers, first.users),
    ),
  ]);
  // What cannot be judged was looked at all the same: it counts for the correction.
  const corrected = holm(comparisons.map(({ p }) => p));
  const sentences = comparisons.map((comparison, at) =>
    comparison.tooFew
      ? `${comparison.what} in ${comparison.of} and ${comparison.against}: too few to say anything (at least ${enough} with and ${enough} without are needed in each).`
      : sayDifference(comparison, corrected[at] as number),
  );
  if (comparisons.length > 1 && comparisons.some(({ tooFew }) => !tooFew))
    sentences.push(`p is corrected for ${comparisons.length} comparisons.`);
  if (active && comparisons.some(({ tooFew }) => !tooFew))
    sentences.push(
      'The test still runs: whoever looks often, and stops it as soon as a difference shows, will find one too often.',
    );
  return sentences.join(' ');
};
