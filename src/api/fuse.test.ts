import { expect, test } from 'vitest';
import { fuse } from './fuse.ts';

test('what stands in both lists comes before what leads only one of them', () => {
  const fused = fuse([{ numbers: [1, 2, 3] }, { numbers: [4, 3, 5] }]);
  expect(fused.map(({ number }) => number)).toEqual([3, 1, 4, 2, 5]);
  expect(fused[0]).toEqual({ number: 3, score: 1 / 63 + 1 / 62, lists: [0, 1] });
  expect(fuse([{ numbers: [] }, { numbers: [] }])).toEqual([]);
  // What counts less comes after what counts.
  expect(
    fuse([{ numbers: [1, 2, 3] }, { numbers: [4, 2], weight: 0.3 }]).map(({ number }) => number),
  ).toEqual([2, 1, 3, 4]);
});

test('what is far ahead by meaning is not passed by what follows at a distance and shares a word', () => {
  // Cosines of a telescope, watches and night creams with "look at planets at night", and who has "night" or "look".
  const numbers = [1, 2, 3, 4, 5];
  const some = { numbers: [5, 4, 3, 2], weight: 0.2 };
  const order = (shares?: number[]) =>
    fuse([{ numbers, ...(shares && { shares }) }, some]).map(({ number }) => number);
  expect(order([1, 0.72, 0.71, 0.71, 0.62])[0]).toBe(1);
  expect(order([1, 0.99, 0.99, 0.98, 0.98])[0]).not.toBe(1);
});
