import { expect, test } from 'vitest';
import { clusteredVariance, effectiveTrials, holm, twoSided, wilsonInterval } from './proportions.ts';

/** What `clustered` needs, of a list of [successes, trials] of each cluster. */
const clusters = (each: readonly (readonly [number, number])[]) => {
  const sum = (of: (successes: number, trials: number) => number) =>
    each.reduce((total, [successes, trials]) => total + of(successes, trials), 0);
  return {
    successes: sum((s) => s),
    trials: sum((_, n) => n),
    clusters: each.length,
    successSquares: sum((s) => s * s),
    products: sum((s, n) => s * n),
    trialSquares: sum((_, n) => n * n),
  };
};

test('the interval of a share is that of the textbook', () => {
  // Newcombe 1998, table I, method 3.
  const cases: [number, number, number, number][] = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [29, 29, 0.883, 1],
  ];
  for (const [successes, trials, low, high] of cases) {
    const [from, to] = wilsonInterval(successes, trials) ?? [];
    expect(from).toBeCloseTo(low, 4);
    expect(to).toBeCloseTo(high, 4);
  }
  expect(wilsonInterval(0, 0)).toBeUndefined();
});

test('chance is as likely as the tables of the normal distribution say', () => {
  expect(twoSided(0)).toBeCloseTo(1, 6);
  expect(twoSided(1)).toBeCloseTo(0.317311, 6);
  expect(twoSided(-1.959964)).toBeCloseTo(0.05, 6);
  expect(twoSided(3.290527)).toBeCloseTo(0.001, 6);
});

test('clusters of one are as good as single trials; whole clusters that agree count once', () => {
  const single = clusters([...Array(30).fill([1, 1]), ...Array(70).fill([0, 1])]);
  expect(clusteredVariance(single)).toBeCloseTo((0.3 * 0.7) / 100, 12);
  expect(effectiveTrials(single)).toBeCloseTo(100, 9);
  const alike = clusters([...Array(30).fill([5, 5]), ...Array(70).fill([0, 5])]);
  expect(effectiveTrials(alike)).toBeCloseTo(100, 9);
  expect(effectiveTrials(clusters(Array(100).fill([0, 5])))).toBe(100);
});

test('answers that say nothing about each other are not made fewer', () => {
  const spread = clusters([...Array(50).fill([1, 2]), ...Array(25).fill([2, 2]), ...Array(25).fill([0, 2])]);
  expect(effectiveTrials(spread)).toBeCloseTo(200, 6);
});

test('of several questions each counts for less', () => {
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  expect(holm([0.5, 0.9])).toEqual([1, 1]);
  expect(holm([0.02])).toEqual([0.02]);
});
