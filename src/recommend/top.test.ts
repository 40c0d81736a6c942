import { expect, test } from 'vitest';
import { createRandom } from '../demo/random.ts';
import { topItems } from './top.ts';

test.each([1, 7, 20, 300])(
  'the best %i are those that sorting finds, lower numbers first among equals',
  (k) => {
    const random = createRandom(k, 'top');
    const scores = Float32Array.from({ length: 250 }, () =>
      random.chance(0.2) ? Number.NEGATIVE_INFINITY : random.int(0, 40),
    );
    const sorted = Array.from(scores.keys())
      .filter((item) => scores[item] !== Number.NEGATIVE_INFINITY)
      .sort((one, other) => (scores[other] as number) - (scores[one] as number) || one - other)
      .slice(0, k);
    const top = topItems(scores, k);
    expect(Array.from(top.items)).toEqual(sorted);
    expect(Array.from(top.scores)).toEqual(sorted.map((item) => scores[item]));
  },
);
