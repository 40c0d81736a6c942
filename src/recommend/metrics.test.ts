import { expect, test } from 'vitest';
import { createScorecard, meanFigures } from './metrics.ts';

test('figures are what their definitions say', () => {
  const card = createScorecard(3, Uint32Array.of(4, 2, 1, 0, 8), 8);
  card.add(Uint32Array.of(0, 1, 2), Uint32Array.of(1, 3));
  card.add(Uint32Array.of(4), Uint32Array.of(4));
  const first = { ndcg: 1 / Math.log2(3) / (1 + 1 / Math.log2(3)), map: 1 / 2 / 2 };
  const figures = card.figures();
  expect(figures).toMatchObject({ recall: (1 / 2 + 1) / 2, coverage: 4 / 5, users: 2 });
  expect(figures.ndcg).toBeCloseTo((first.ndcg + 1) / 2, 12);
  expect(figures.map).toBeCloseTo((first.map + 1) / 2, 12);
  // Half, a quarter, an eighth and all of the users have them.
  expect(figures.novelty).toBeCloseTo((1 + 2 + 3 + 0) / 4, 12);
});

test('more wanted than the list is long does not make a perfect list imperfect', () => {
  const card = createScorecard(2, new Uint32Array(5), 1);
  card.add(Uint32Array.of(3, 1), Uint32Array.of(0, 1, 2, 3));
  expect(card.figures()).toMatchObject({ recall: 0.5, ndcg: 1, map: 1 });
});

test('several splits count alike, their users together', () => {
  const figures = { recall: 0.2, ndcg: 0, map: 0, coverage: 0, novelty: 1, users: 3 };
  expect(meanFigures([figures, { ...figures, recall: 0.4, users: 5 }])).toMatchObject({
    users: 8,
    novelty: 1,
  });
  expect(meanFigures([figures, { ...figures, recall: 0.4 }]).recall).toBeCloseTo(0.3, 12);
});
