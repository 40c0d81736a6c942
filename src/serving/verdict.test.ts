import { expect, test } from 'vitest';
import { createRandom } from '../demo/random.ts';
import { type CohortFigures, speakVerdict } from './verdict.ts';

const figures = (
  name: string,
  users: number,
  [clicked, buyers]: [number, number],
  { answers = 1, weight = 1 }: { answers?: number; weight?: number } = {},
): CohortFigures => {
  // Everybody clicks either always or never.
  const clickers = clicked / answers;
  return {
    ...{ name, weight, users, buyers },
    clicked: {
      successes: clicked,
      trials: users * answers,
      clusters: users,
      successSquares: clickers * answers ** 2,
      products: clickers * answers ** 2,
      trialSquares: users * answers ** 2,
    },
  };
};
const speak = (cohorts: CohortFigures[], active = false) => speakVerdict(cohorts, { active });

test('a clear difference is said, with how large it may be', () => {
  const verdict = speak([figures('old', 5_000, [400, 200]), figures('new', 5_000, [600, 210])]);
  expect(verdict).toContain(
    'Click-through is higher in new than in old: 12.0 % against 8.0 %; the difference lies between 2.8 % and 5.2 %',
  );
  expect(verdict).toContain('p < 0.001');
  expect(verdict).toContain('Conversion in new and old cannot be told apart: 4.2 % against 4.0 %');
  expect(verdict).toContain('That does not show that they are equal.');
  expect(verdict).not.toContain('still runs');
});

test('the same shares of few users say nothing', () => {
  const verdict = speak([figures('old', 50, [4, 2]), figures('new', 50, [6, 2])]);
  expect(verdict).toContain('Click-through in new and old: too few to say anything');
  expect(verdict).toContain('Conversion in new and old: too few to say anything');
  expect(verdict).not.toMatch(/higher|lower/);
});

test('many answers to the same few users are not many users', () => {
  const once = speak([figures('old', 2_000, [160, 0]), figures('new', 2_000, [210, 0])]);
  expect(once).toContain('Click-through is higher in new');
  // Ten times the answers, and the same clicks from a tenth of the users.
  const often = speak([
    figures('old', 200, [160, 0], { answers: 10 }),
    figures('new', 200, [210, 0], { answers: 10 }),
  ]);
  expect(often).toContain('cannot be told apart');
});

test('what would do between two cohorts does not do among many', () => {
  const pair = [figures('a', 3_000, [300, 0]), figures('b', 3_000, [355, 0])];
  expect(speak(pair)).toContain('Click-through is higher in b');
  const many = ['c', 'd', 'e', 'f'].map((name) => figures(name, 3_000, [300, 0]));
  const verdict = speak([...pair, ...many]);
  expect(verdict).toContain('Click-through in b and a cannot be told apart');
  expect(verdict).toContain('p is corrected for 10 comparisons');
});

test('a split that is not as ordered spoils everything', () => {
  const verdict = speak([figures('a', 5_300, [300, 20]), figures('b', 4_700, [400, 20])]);
  expect(verdict).toMatch(/^Do not trust these figures: a, b did not get the share of users/);
  expect(speak([figures('a', 9_050, [300, 20], { weight: 9 }), figures('b', 950, [40, 20])])).not.toContain(
    'Do not trust',
  );
});

test('with nobody, or nobody to compare with, that is said', () => {
  expect(speak([figures('a', 0, [0, 0]), figures('b', 0, [0, 0])])).toBe(
    'Nobody was shown anything in this test yet.',
  );
  expect(speak([figures('a', 100, [20, 20])])).toContain('nothing to compare it with');
});

test('while it runs, it warns of stopping at the first difference', () => {
  expect(speak([figures('a', 500, [50, 50]), figures('b', 500, [50, 50])], true)).toContain('still runs');
});

test('between cohorts that are the same a difference is claimed in fewer than one test of fifteen', () => {
  const random = createRandom(5, 'verdicts');
  const draw = (name: string) => {
    let clicked = 0;
    let buyers = 0;
    for (let user = 0; user < 400; user += 1) {
      if (random.chance(0.1)) clicked += 1;
      if (random.chance(0.06)) buyers += 1;
    }
    return figures(name, 400, [clicked, buyers]);
  };
  const claims = Array.from({ length: 600 }, () => speak([draw('a'), draw('b'), draw('c')])).filter(
    (verdict) => /higher|lower/.test(verdict),
  ).length;
  expect(claims).toBeGreaterThan(0);
  expect(claims).toBeLessThan(600 / 15);
});
