import { expect, test } from 'vitest';
import { diversify } from './diversity.ts';

/** Two pairs of twins, and one without a vector. */
const candidates = {
  scores: Float32Array.of(1, 0.9, 0.8, 0.7, 0.1),
  vectors: Float32Array.of(1, 0, 1, 0, 0, 1, 0, 1, 0, 0),
  dim: 2,
};

test('without diversity the order stays', () => {
  expect(diversify(candidates, { k: 4, diversity: 0 })).toEqual([0, 1, 2, 3]);
});

test('with diversity a twin of what was chosen waits for the others', () => {
  expect(diversify(candidates, { k: 3, diversity: 0.5 })).toEqual([0, 2, 4]);
  expect(diversify(candidates, { k: 2, diversity: 0.05 })).toEqual([0, 1]);
});

test('at most what there is, each once, also where everything is worth nothing', () => {
  expect(diversify(candidates, { k: 9, diversity: 1 }).sort()).toEqual([0, 1, 2, 3, 4]);
  expect(
    diversify(
      { scores: new Float32Array(2), vectors: new Float32Array(4), dim: 2 },
      { k: 2, diversity: 0.3 },
    ),
  ).toEqual([0, 1]);
  expect(
    diversify({ scores: new Float32Array(), vectors: new Float32Array(), dim: 2 }, { k: 2, diversity: 1 }),
  ).toEqual([]);
});
