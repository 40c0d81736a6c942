import { expect, test } from 'vitest';
import { fuse } from './fuse.ts';

test('what stands in both lists comes before what leads only one of them', () => {
  const fused = fuse([
    [1, 2, 3],
    [4, 3, 5],
  ]);
  expect(fused.map(({ number }) => number)).toEqual([3, 1, 4, 2, 5]);
  expect(fused[0]).toEqual({ number: 3, score: 1 / 63 + 1 / 62, lists: [0, 1] });
  expect(fuse([[], []])).toEqual([]);
  // What counts less comes after what counts.
  expect(
    fuse(
      [
        [1, 2, 3],
        [4, 2],
      ],
      [1, 0.3],
    ).map(({ number }) => number),
  ).toEqual([2, 1, 3, 4]);
});
