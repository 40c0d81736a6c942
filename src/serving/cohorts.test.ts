import { expect, test } from 'vitest';
import { createRandom } from '../demo/random.ts';
import { type Cohort, chooseCohort } from './cohorts.ts';

const cohorts: Cohort[] = [
  { name: 'a', weight: 6 },
  { name: 'none', weight: 0 },
  { name: 'b', weight: 3 },
  { name: 'c', weight: 1 },
];
const random = createRandom(3, 'cohorts');
const users = Array.from({ length: 20_000 }, () => random.uuid());
const namesIn = (test: string) => users.map((user) => chooseCohort(test, cohorts, user).name);

test('a user is always in the same cohort, on every machine', () => {
  expect(namesIn('one')).toEqual(namesIn('one'));
  // What was told to users must not change with a version of this code.
  expect(
    ['ranking', 'ranking-2'].map(
      (test) => chooseCohort(test, cohorts, '0198c2a4-7f0e-7c3a-9d55-3f0a5b7e9c11').name,
    ),
  ).toMatchInlineSnapshot(`
    [
      "c",
      "a",
    ]
  `);
});

test('cohorts get the shares of users that their weights say', () => {
  const names = namesIn('one');
  const share = (name: string) => names.filter((one) => one === name).length / users.length;
  expect(share('a')).toBeCloseTo(0.6, 1.8);
  expect(share('b')).toBeCloseTo(0.3, 1.8);
  expect(share('c')).toBeCloseTo(0.1, 1.8);
  expect(share('none')).toBe(0);
});

test('two tests do not know of each other', () => {
  const [one, two] = [namesIn('one'), namesIn('two')];
  const ofA = two.filter((_, at) => one[at] === 'a');
  expect(ofA.filter((name) => name === 'a').length / ofA.length).toBeCloseTo(0.6, 1.5);
});
