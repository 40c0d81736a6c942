import { afterAll, expect, test } from 'vitest';
import { createDenseProducts } from './dense.ts';
import { defaultParameters, mostSpeakers } from './parameters.ts';
import { prepareScoring, type Rows, scoreBatch } from './score-batch.ts';

const dense = await createDenseProducts(1);
afterAll(() => dense.close());

const rows = (lists: readonly (readonly number[])[]): Rows => ({
  starts: Uint32Array.from([0, ...lists.map((_, row) => lists.slice(0, row + 1).flat().length)]),
  numbers: Uint32Array.from(lists.flat()),
});

/** Who is whose neighbour, and how near, in items; item 0 is product 100, item 1 is 101 and so on. */
const shop = (neighbours: readonly Readonly<Record<number, number>>[], lowRankShare: number) => {
  const itemCount = neighbours.length;
  const width = Math.max(...neighbours.map((own) => Object.keys(own).length));
  const local = {
    width,
    counts: Uint32Array.from(neighbours, (own) => Object.keys(own).length),
    items: new Uint32Array(itemCount * width),
    strengths: new Float32Array(itemCount * width),
  };
  neighbours.forEach((own, item) => {
    Object.entries(own).forEach(([other, strength], nth) => {
      local.items[item * width + nth] = Number(other);
      local.strengths[item * width + nth] = strength;
    });
  });
  // Low rank: who likes anything likes the higher numbers.
  const factors = {
    rows: itemCount,
    columns: 1,
    values: Float32Array.from({ length: itemCount }, (_, item) => 1 + item),
  };
  return prepareScoring({
    model: {
      ...{ parameters: { ...defaultParameters, lowRankShare }, itemCount, local },
      lowRank: { factors, into: new Float32Array(itemCount).fill(1) },
    },
    products: Uint32Array.from({ length: itemCount }, (_, item) => 100 + item),
  });
};

const neighbours = [
  { 1: 0.2, 2: 0.9, 3: 0.3 },
  { 0: 0.2, 2: 0.1, 3: 0.8, 4: 0.5 },
  { 0: 0.9, 1: 0.1 },
  { 0: 0.3, 1: 0.8 },
  { 1: 0.5 },
  {},
];
// The first likes 100 most, then 101; the second dislikes 101 and likes 104.
const request = {
  profiles: {
    ...rows([
      [100, 101],
      [104, 101],
    ]),
    values: Float32Array.of(1, 0.5, 1, -0.2),
  },
  seen: rows([
    [100, 101],
    [101, 104],
  ]),
  asked: rows([
    [103, 100, 101, 999, 105],
    [101, 104, 100],
  ]),
  allowed: undefined,
  k: 3,
};

test('every product on a list has what speaks most for it; what is seen has its share of the loudest', async () => {
  const { lists, asked } = await scoreBatch(shop(neighbours, 0), request, dense);
  // By the neighbours: 102 is 0.9 + 0.05, 103 is 0.3 + 0.4, 104 is 0.25; nobody speaks for 105. Nothing positive is left
  // to the second, for whom 101 is all that 104 leads to.
  expect(Array.from(lists.starts)).toEqual([0, 3, 3]);
  expect(Array.from(lists.numbers)).toEqual([102, 103, 104]);
  expect(Array.from(lists.because)).toEqual([100, 101, 101]);
  const expected = [
    ...[1, 0.7 / 0.95, 0.25 / 0.95],
    ...[0.7 / 0.95, 0.1 / 0.95, 0.2 / 0.95, 0, 0],
    ...[1, 0, 0],
  ];
  [...lists.scores, ...asked].forEach((score, at) => {
    expect(score).toBeCloseTo(expected[at] as number, 6);
  });
});

test('what is hidden is on no list and the loudest of none; the low-rank part alone leaves what is seen its share', async () => {
  const allowed = new Uint8Array(14).fill(255);
  for (const hidden of [102, 105])
    allowed[hidden >> 3] = (allowed[hidden >> 3] as number) & ~(1 << (hidden & 7));
  const { lists, asked } = await scoreBatch(shop(neighbours, 1), { ...request, allowed }, dense);
  expect(Array.from(lists.numbers)).toEqual([104, 103, 103, 100]);
  // Without a neighbour that speaks for it there is nobody to name.
  expect(Array.from(lists.because)).toEqual([101, 101, 0, 0]);
  const expected = [0.8, 0.1 / 0.7, 0.2 / 0.7, 0, 0, 1, 0, 0.25];
  asked.forEach((score, at) => {
    expect(score).toBeCloseTo(expected[at] as number, 6);
  });
});

test('only the strongest of a user speak', async () => {
  const many = mostSpeakers + 1;
  // The last product of the user's alone has a neighbour.
  const lonely = Array.from({ length: many + 1 }, (_, item) => (item === many - 1 ? { [many]: 1 } : {}));
  const own = Array.from({ length: many }, (_, item) => 100 + item);
  const ask = async (profile: readonly number[]) => {
    const { lists, asked } = await scoreBatch(
      shop(lonely, 0),
      {
        // The other user has done nothing.
        profiles: { ...rows([profile, []]), values: new Float32Array(many).fill(1) },
        seen: rows([own, []]),
        asked: rows([[100, 100 + many], [100 + many]]),
        ...{ allowed: undefined, k: 1 },
      },
      dense,
    );
    expect(Array.from(asked)).toEqual([0, 1, 0]);
    expect(Array.from(lists.numbers)).toEqual([100 + many]);
    return Array.from(lists.because);
  };
  const last = 100 + many - 1;
  expect(await ask(own)).toEqual([0]);
  expect(await ask([last, ...own.slice(0, -1)])).toEqual([last]);
});
