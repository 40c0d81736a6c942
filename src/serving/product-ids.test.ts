import { v4 as uuidv4 } from 'uuid';
import { expect, test } from 'vitest';
import { createProductIds, wordsOf } from './product-ids.ts';

test('every number has its own id, however many there are and whichever was asked for before', () => {
  const ids = createProductIds();
  const made = Array.from({ length: 40_000 }, () => uuidv4());
  made.forEach((id, place) => {
    ids.add(place + 1, wordsOf(id));
  });
  for (let turn = 0; turn < 2; turn += 1)
    for (let place = 0; place < 10_000; place += 1)
      for (const at of [place, place + 16_384]) expect(ids.idOf(at + 1)).toBe(made[at]);
  expect(ids.numberOf(made[39_999] as string)).toBe(40_000);
});

test('a number that was asked for too early has its id once it is added', () => {
  const ids = createProductIds();
  const [early, late] = [uuidv4(), uuidv4()];
  ids.add(9, wordsOf(late));
  expect(ids.idOf(3)).not.toBe(early);
  ids.add(3, wordsOf(early));
  expect([ids.idOf(3), ids.idOf(9), ids.numberOf(early)]).toEqual([early, late, 3]);
});
