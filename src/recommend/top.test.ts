import { expect, test } from 'vitest';
import { createRandom } from '../demo/random.ts';
import { topItems } from './top.ts';

type Random = ReturnType<typeof createRandom>;

const rows: Record<string, (random: Random, at: number) => number> = {
  'of many equal scores': (random) =>
    random.chance(0.2) ? Number.NEGATIVE_INFINITY : random.int(-20, 20) / 7,
  'that ascends': (_, at) => at / 7,
  'of nothing but one score': () => 1,
  'of zeros of both signs and a few others': (random, at) =>
    random.chance(0.01) ? random.next() : at % 2 === 0 ? 0 : -0,
  'without candidates': () => Number.NEGATIVE_INFINITY,
};

test.each(
  Object.keys(rows).flatMap((name) =>
    [0, 250, 5_000].flatMap((length) => [0, 1, 7, 20, 300].map((k) => [k, length, name] as const)),
  ),
)(
  'the best %i of a row of %i %s are those that sorting finds, lower numbers first among equals',
  (k, length, name) => {
    const random = createRandom(k, 'top');
    const scores = Float32Array.from({ length }, (_, at) =>
      (rows[name] as (random: Random, at: number) => number)(random, at),
    );
    const sorted = Array.from(scores.keys())
      .filter((item) => scores[item] !== Number.NEGATIVE_INFINITY)
      .sort((one, other) => (scores[other] as number) - (scores[one] as number) || one - other)
      .slice(0, k);
    const top = topItems(scores, k);
    expect(Array.from(top.items)).toEqual(sorted);
    expect(Array.from(top.scores)).toEqual(sorted.map((item) => (scores[item] as number) + 0));
  },
);
