import { expect, test } from 'vitest';
import { defaultParameters, type Parameters } from './parameters.ts';
import { profiles, type Signals, seenItems, trainingMatrix } from './signals.ts';
import { splitSignals } from './split.ts';

const day = 86_400;
type Deed = readonly [user: number, item: number, deed: { weight?: number; rating?: number; day?: number }];
const signals = (deeds: readonly Deed[]): Signals => ({
  userCount: Math.max(...deeds.map(([user]) => user)) + 1,
  itemCount: Math.max(...deeds.map(([, item]) => item)) + 1,
  users: Uint32Array.from(deeds, ([user]) => user),
  items: Uint32Array.from(deeds, ([, item]) => item),
  weights: Float32Array.from(deeds, ([, , { weight }]) => weight ?? 1),
  ratings: Float32Array.from(deeds, ([, , { rating }]) => rating ?? 0),
  times: Float64Array.from(deeds, (deed) => 1_700_000_000 + (deed[2].day ?? 0) * day),
});
const parameters = (how: Partial<Parameters['signals']>): Parameters => ({
  ...defaultParameters,
  signals: { power: 1, disliked: -0.5, halfLifeDays: null, ...how },
});
const cells = ({ indices, values }: { indices: Uint32Array; values: Float32Array }) =>
  Object.fromEntries(Array.from(indices, (item, at) => [item, values[at]]));

test('a refund undoes its purchase, a rating of three says nothing, a lower one counts against', () => {
  const deeds = signals([
    [0, 0, { weight: 3 }],
    [0, 0, { weight: -3 }],
    [0, 1, { rating: 5 }],
    [0, 2, { rating: 3 }],
    [0, 3, { rating: 2 }],
    [0, 4, { weight: 4 }],
  ]);
  expect(cells(profiles(deeds, parameters({})))).toEqual({ 1: 1, 3: -0.5, 4: 4 });
  expect(cells(profiles(deeds, parameters({ power: 0.5 })))[4]).toBe(2);
  expect(cells(trainingMatrix(deeds, parameters({})))).toEqual({ 1: 1, 4: 4 });
  expect(Object.keys(cells(seenItems(deeds)))).toEqual(['0', '1', '2', '3', '4']);
});

test('signals fade from the own latest one of each user, however long ago that was', () => {
  const deeds = signals([
    [0, 0, { day: 0 }],
    [0, 1, { day: 10 }],
    [0, 2, { day: 20 }],
    [1, 3, { day: 0 }],
  ]);
  expect(cells(profiles(deeds, parameters({ halfLifeDays: 10 })))).toEqual({ 0: 0.25, 1: 0.5, 2: 1, 3: 1 });
});

test('the newest of an active user are hidden, those they can be asked for', () => {
  const deeds = Array.from({ length: 10 }, (_, item) => [0, item, { day: item }] as const);
  const others = Array.from({ length: 4 }, (_, item) => [1, item + 7, { day: item }] as const);
  const split = splitSignals(signals([...deeds, ...others]), {
    maxUsers: 10,
    seed: 1,
  });
  expect(split).toMatchObject({ byTime: true, users: Uint32Array.of(0) });
  expect(split.wanted.map((items) => Array.from(items).sort())).toEqual([[8, 9]]);
  expect(split.training.users).toHaveLength(12);
});

test('what was disliked, had before, or is nobody else’s is not asked for', () => {
  const own = [0, 1, 2, 3, 4, 5, 6, 7].map((item) => [0, item, { day: item }] as const);
  const newest = [
    [0, 8, { day: 10, rating: 2 }],
    [0, 0, { day: 11 }],
    [0, 9, { day: 12 }],
  ] as const;
  const split = splitSignals(signals([...own, ...newest, [1, 8, {}]]), { maxUsers: 10, seed: 1 });
  expect(split.users).toHaveLength(0);
});

test('times that are all the same carry no order: what is hidden is drawn, the same for the same seed', () => {
  const deeds = Array.from({ length: 40 }, (_, at) => [at % 2, at >> 1, {}] as const);
  const draw = (seed: number) => splitSignals(signals(deeds), { maxUsers: 10, seed });
  expect(draw(1).byTime).toBe(false);
  expect(draw(1)).toEqual(draw(1));
  expect(draw(2).wanted).not.toEqual(draw(1).wanted);
});
