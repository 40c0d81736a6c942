/** 95 % of a normal distribution lie within so many deviations. */
export const z95 = 1.959964;

/**
 * The 95 % interval of a proportion (Wilson 1927): unlike the simple one it holds for few trials and near 0 and 1, and
 * never leaves them. Undefined without trials.
 */
export const wilsonInterval = (
  successes: number,
  trials: number,
): [low: number, high: number] | undefined => {
  if (trials <= 0) return undefined;
  const share = successes / trials;
  const squared = z95 ** 2;
  const middle = share + squared / (2 * trials);
  const margin = z95 * Math.sqrt((share * (1 - share)) / trials + squared / (4 * trials ** 2));
  const scale = 1 + squared / trials;
  return [Math.max(0, (middle - margin) / scale), Math.min(1, (middle + margin) / scale)];
};

/** A share of things that come in clusters: answers of users. */
export interface Clustered {
  successes: number;
  trials: number;
  clusters: number;
  /** Over the clusters: sums of squares of successes and of trials, and of their products. */
  successSquares: number;
  products: number;
  trialSquares: number;
}

/**
 * The variance of a share when what belongs to one cluster goes together (the linearised ratio estimator: Cochran 1977,
 * Deng et al. 2018); never less than if each were by itself.
 */
export const clusteredVariance = (given: Clustered): number => {
  const { successes, trials, successSquares, products, trialSquares } = given;
  const share = successes / trials;
  const spread = successSquares - 2 * share * products + share ** 2 * trialSquares;
  return Math.max(spread, trials * share * (1 - share)) / trials ** 2;
};

/** How many independent trials would say as much as these. */
export const effectiveTrials = (given: Clustered): number => {
  const { successes, trials } = given;
  if (successes === 0 || successes === trials) return Math.min(trials, given.clusters);
  const share = successes / trials;
  return Math.min(trials, (share * (1 - share)) / clusteredVariance(given));
};

/** Upper half of the error function's complement, to 1.2e-7 of its value (the rational Chebyshev fit of Press et al.). */
const complementaryError = (x: number): number => {
  const t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const exponent = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  return t * Math.exp(-x * x + exponent);
};

/** How likely chance alone gives a deviation at least this large, to either side. */
export const twoSided = (deviations: number): number =>
  Math.min(1, complementaryError(Math.abs(deviations) / Math.SQRT2));

/** Holm's correction (1979): each p-value, raised for the number of questions asked of the same data. */
export const holm = (values: readonly number[]): number[] => {
  const corrected = new Array<number>(values.length).fill(1);
  const order = [...values.keys()].sort((one, other) => (values[one] as number) - (values[other] as number));
  let highest = 0;
  order.forEach((at, place) => {
    highest = Math.max(highest, Math.min(1, (values[at] as number) * (values.length - place)));
    corrected[at] = highest;
  });
  return corrected;
};
