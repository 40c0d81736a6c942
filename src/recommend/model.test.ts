import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { createRandom } from '../demo/random.ts';
import { createDenseProducts } from './dense.ts';
import { evaluateModel, prepareExamination } from './evaluate.ts';
import { coOccurrence, itemSimilarity } from './item-similarity.ts';
import { decompose, lowRank } from './low-rank.ts';
import { fitModel, lowRankScores, scoreUsers } from './model.ts';
import { ModelRefusedError, readModel, writeModel } from './model-file.ts';
import { defaultParameters } from './parameters.ts';
import { profiles, type Signals, seenItems, trainingMatrix } from './signals.ts';
import type { Sparse } from './sparse.ts';
import { splitSignals } from './split.ts';
import { symmetricEigen } from './symmetric.ts';
import { trainInThread } from './train-in-thread.ts';
import { objective, tune } from './tune.ts';

const compute = { threads: 2, dense: await createDenseProducts(2) };
afterAll(() => compute.dense.close());

/** People of four tastes, ten signals and more each, nearly all within their taste. */
const shop = (userCount: number, itemCount: number): Signals => {
  const random = createRandom(5, `shop-${userCount}`);
  const deeds = Array.from({ length: userCount }, (_, user) =>
    Array.from({ length: random.int(10, 20) }, (_, at) => {
      const any = Math.floor(random.next() ** 2 * itemCount);
      const item = random.chance(0.9) ? Math.min(itemCount - 1, any - (any % 4) + (user % 4)) : any;
      return { user, item, time: 1_700_000_000 + at * 3_600 };
    }),
  ).flat();
  return {
    userCount,
    itemCount,
    users: Uint32Array.from(deeds, ({ user }) => user),
    items: Uint32Array.from(deeds, ({ item }) => item),
    weights: new Float32Array(deeds.length).fill(1),
    ratings: new Float32Array(deeds.length),
    times: Float64Array.from(deeds, ({ time }) => time),
  };
};
const small = shop(60, 48);
const full = (matrix: Sparse): number[][] =>
  Array.from({ length: matrix.rows }, (_, row) => {
    const line = new Array<number>(matrix.columns).fill(0);
    for (let at = matrix.starts[row] as number; at < (matrix.starts[row + 1] as number); at += 1)
      line[matrix.indices[at] as number] = matrix.values[at] as number;
    return line;
  });
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

test('local similarity is the formula, entry by entry, and of each row the strongest are kept', async () => {
  const matrix = trainingMatrix(small, defaultParameters);
  const r = full(matrix);
  const exponents = { a: 0.3, b: 0.8, c: 0.6, q: 1.4 };
  const itemSums = r[0]?.map((_, item) => sum(r.map((line) => line[item] as number))) as number[];
  const expected = (item: number, other: number): number => {
    const together = sum(
      r.map(
        (line) =>
          (line[item] as number) * (line[other] as number) * Math.max(sum(line), 1e-9) ** -exponents.b,
      ),
    );
    return together === 0
      ? 0
      : (together *
          (itemSums[item] as number) ** -exponents.a *
          (itemSums[other] as number) ** -exponents.c) **
          exponents.q;
  };
  for (const neighbours of [300, 5]) {
    const co = await coOccurrence(matrix, { ...exponents, neighbours }, compute.threads);
    const { width, counts, items, strengths } = itemSimilarity(co, exponents);
    for (let item = 0; item < small.itemCount; item += 1) {
      const others = Array.from({ length: small.itemCount }, (_, other) =>
        other === item ? 0 : expected(item, other),
      );
      const best = others
        .filter((strength) => strength > 0)
        .sort((one, other) => other - one)
        .slice(0, neighbours);
      const place = item * width;
      const kept = Array.from(strengths.subarray(place, place + (counts[item] as number)));
      expect(kept).toHaveLength(best.length);
      kept.forEach((strength, at) => {
        expect(strength).toBeCloseTo(others[items[place + at] as number] as number, 5);
      });
      kept
        .sort((one, other) => other - one)
        .forEach((strength, at) => {
          expect(strength).toBeCloseTo(best[at] as number, 5);
        });
    }
  }
});

test('the randomised decomposition finds the singular values that the whole Gram matrix has', async () => {
  const large = trainingMatrix(shop(400, 300), defaultParameters);
  const { squares, vectors } = await decompose(
    large,
    { rank: 8, userExponent: 0.5, itemExponent: 0.5, seed: 1 },
    compute,
  );
  const r = full(large);
  const users = r.map((line) => Math.max(sum(line), 1e-9) ** -0.5);
  const items = (r[0] as number[]).map(
    (_, item) => Math.max(sum(r.map((line) => line[item] as number)), 1e-9) ** -0.5,
  );
  const scaled = r.map((line, user) =>
    line.map((value, item) => value * (users[user] as number) * (items[item] as number)),
  );
  const gram = Float32Array.from({ length: 300 * 300 }, (_, at) =>
    sum(scaled.map((line) => (line[Math.floor(at / 300)] as number) * (line[at % 300] as number))),
  );
  const exact = symmetricEigen(gram, 300);
  squares.subarray(0, 4).forEach((square, at) => {
    // Two passes are good to about a thousandth, which no list shows.
    expect(square).toBeCloseTo(exact.values[at] as number, 2);
  });
  // The leading vector is the same but for its sign.
  const cosine = sum(
    Array.from(
      { length: 300 },
      (_, item) => (vectors.values[item * 8] as number) * (exact.vectors[item] as number),
    ),
  );
  expect(Math.abs(cosine)).toBeCloseTo(1, 2);
});

test('at full rank, with the filter and without what an item says of itself, it is EASE', async () => {
  const matrix = trainingMatrix(small, defaultParameters);
  const how = {
    userExponent: 0,
    itemExponent: 0,
    scoreExponent: 0,
    filter: 0.05,
    excludeItself: true,
    rank: 48,
  };
  const decomposition = await decompose(matrix, { ...how, seed: 1 }, compute);
  const part = lowRank(decomposition, how);
  const scores = await lowRankScores(part, matrix, compute.dense);
  // EASE: B = I − P·diag(P)⁻¹ without its diagonal, P = (RᵀR + λI)⁻¹, here by Gauss and Jordan.
  const r = full(matrix);
  const n = small.itemCount;
  const lambda = 0.05 * (decomposition.squares[0] as number);
  const system = Array.from({ length: n }, (_, i) =>
    Array.from({ length: 2 * n }, (_, j) =>
      j < n
        ? sum(r.map((line) => (line[i] as number) * (line[j] as number))) + (i === j ? lambda : 0)
        : Number(j - n === i),
    ),
  );
  for (let pivot = 0; pivot < n; pivot += 1) {
    const line = (system[pivot] as number[]).map((value) => value / (system[pivot]?.[pivot] as number));
    system.forEach((other, row) => {
      const factor = other[pivot] as number;
      system[row] = row === pivot ? line : other.map((value, at) => value - factor * (line[at] as number));
    });
  }
  const p = (i: number, j: number) => system[i]?.[n + j] as number;
  r.forEach((line, user) => {
    line.forEach((value, item) => {
      // Of what the user has, EASE leaves the own weight out, the filter does not; lists never show those.
      if (value !== 0) return;
      const ease = sum(
        line.map((weight, from) => (from === item ? 0 : (-weight * p(from, item)) / p(item, item))),
      );
      expect(scores[user * n + item]).toBeCloseTo(ease, 3);
    });
  });
});

test('a product with a factor that is kept, and one into given room, are what they are without', async () => {
  const dense = await createDenseProducts(2);
  const random = createRandom(3, 'dense');
  const matrix = (rows: number, columns: number) => ({
    ...{ rows, columns },
    values: Float32Array.from({ length: rows * columns }, () => random.next() - 0.5),
  });
  const [left, right, other] = [matrix(5, 70), matrix(300, 70), matrix(300, 70)];
  const plain = await dense.multiply(left, right, { right: true });
  await dense.keep([other]);
  await dense.keep([right]);
  const room = new Float32Array(2_000).fill(7);
  for (const how of [{ right: true }, { right: true, room }, { right: true, room: new Float32Array(3) }]) {
    const kept = await dense.multiply(left, right, how);
    expect([kept.rows, kept.columns]).toEqual([5, 300]);
    kept.values.forEach((value, at) => {
      expect(value).toBeCloseTo(plain.values[at] as number, 5);
    });
  }
  expect(room.subarray(1_500)).toEqual(new Float32Array(500).fill(7));
  expect(room[0]).toBeCloseTo(plain.values[0] as number, 5);
  // The factor that was kept before is multiplied as any other.
  const before = await dense.multiply(left, other, { right: true });
  expect(before.values[0]).toBeCloseTo(
    sum(Array.from({ length: 70 }, (_, at) => (left.values[at] as number) * (other.values[at] as number))),
    4,
  );
  await dense.close();
});

test('scores are both parts, equally loud, by their shares; what the user has is no candidate', async () => {
  const batch = { profiles: profiles(small, defaultParameters), seen: seenItems(small) };
  const model = await fitModel(small, defaultParameters, compute);
  const part = async (lowRankShare: number) =>
    scoreUsers({ ...model, parameters: { ...defaultParameters, lowRankShare } }, batch, compute.dense);
  const items = small.itemCount;
  const [local, low, both] = [await part(0), await part(1), await part(0.25)];
  const seen = full(batch.seen);
  /** What is no candidate as 0, all else as loud as one. */
  const evened = (scores: ArrayLike<number>): number[] => {
    const heard = Array.from(scores, (score) => (Number.isFinite(score) ? score : 0));
    const loudness = Math.sqrt(sum(heard.map((score) => score * score)) / items);
    return heard.map((score) => score / loudness);
  };
  for (let user = 0; user < small.userCount; user += 1) {
    const [ofLocal, ofLow, ofBoth] = [local, low, both].map((scores) =>
      scores.subarray(user * items, (user + 1) * items),
    ) as [Float32Array, Float32Array, Float32Array];
    const [evenLocal, evenLow] = [evened(ofLocal), evened(ofLow)];
    const expected = evened(evenLocal.map((score, at) => 0.75 * score + 0.25 * (evenLow[at] as number)));
    const found = evened(ofBoth);
    for (let item = 0; item < items; item += 1) {
      if (seen[user]?.[item] === 1) expect(ofBoth[item]).toBe(Number.NEGATIVE_INFINITY);
      else expect(found[item]).toBeCloseTo(expected[item] as number, 4);
    }
  }
});

test.each([
  // By one large product of matrices, and by walking through the lists of neighbours.
  ['many signals of few items', small],
  ['a single signal', { ...small, userCount: 1, users: new Uint32Array(1), items: small.items.slice(0, 1) }],
])('the local part is the sum over the neighbours of what the user has: %s', async (_, signals) => {
  const model = await fitModel(small, defaultParameters, compute);
  const { local, itemCount } = model;
  const strengths = Array.from({ length: itemCount }, (_, own) => {
    const line = new Array<number>(itemCount).fill(0);
    for (let at = own * local.width; at < own * local.width + (local.counts[own] as number); at += 1)
      line[local.items[at] as number] = local.strengths[at] as number;
    return line;
  });
  const own = {
    ...signals,
    weights: new Float32Array(signals.users.length).fill(1),
    ratings: new Float32Array(signals.users.length),
    times: small.times.slice(0, signals.users.length),
  };
  const batch = { profiles: profiles(own, defaultParameters), seen: seenItems(own) };
  const alone = { ...model, parameters: { ...defaultParameters, lowRankShare: 0 } };
  const scores = await scoreUsers(alone, batch, compute.dense);
  const [r, seen] = [full(batch.profiles), full(batch.seen)];
  r.forEach((line, user) => {
    const said = Array.from({ length: itemCount }, (_, item) =>
      seen[user]?.[item] === 1
        ? 0
        : sum(line.map((weight, from) => weight * (strengths[from]?.[item] as number))),
    );
    const loudness = Math.sqrt(sum(said.map((score) => score * score)) / itemCount);
    said.forEach((score, item) => {
      if (seen[user]?.[item] !== 1) expect(scores[user * itemCount + item]).toBeCloseTo(score / loudness, 4);
    });
  });
});

test('a user without signals has scores of nothing, not of NaN', async () => {
  const lonely = { ...small, userCount: small.userCount + 1 };
  const model = await fitModel(lonely, defaultParameters, compute);
  const batch = { profiles: profiles(lonely, defaultParameters), seen: seenItems(lonely) };
  const scores = await scoreUsers(model, batch, compute.dense);
  expect(new Set(scores.subarray(small.userCount * small.itemCount))).toEqual(new Set([0]));
});

test('a shop without any signals has a model too', async () => {
  const none = { ...shop(1, 5), ...{ users: new Uint32Array(), items: new Uint32Array() } };
  const empty = {
    ...none,
    weights: new Float32Array(),
    ratings: new Float32Array(),
    times: new Float64Array(),
  };
  const model = await fitModel(empty, defaultParameters, compute);
  const batch = { profiles: profiles(empty, defaultParameters), seen: seenItems(empty) };
  expect(Array.from(await scoreUsers(model, batch, compute.dense))).toEqual([0, 0, 0, 0, 0]);
});

/** A folder of the test's own, gone with it. */
const ownFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-model-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

test('a model in a file scores as it did; a damaged or a truncated one is refused', async () => {
  const folder = await ownFolder();
  const path = join(folder, 'model.bin');
  const products = Uint32Array.from({ length: small.itemCount }, (_, item) => item * 7 + 1);
  const outcome = await trainInThread({
    signals: small,
    products,
    path,
    options: { tuneBudgetMs: 0, threads: 2 },
  });
  expect(outcome.parameters).toEqual(defaultParameters);
  const stored = await readModel(path);
  expect(stored.products).toEqual(products);

  const batch = { profiles: profiles(small, defaultParameters), seen: seenItems(small) };
  const again = join(folder, 'again.bin');
  await writeModel(again, stored);
  expect(await readFile(again)).toEqual(await readFile(path));
  const fresh = await fitModel(small, defaultParameters, compute);
  const scores = await scoreUsers(stored.model, batch, compute.dense);
  (await scoreUsers(fresh, batch, compute.dense)).forEach((score, at) => {
    if (Number.isFinite(score)) expect(scores[at]).toBeCloseTo(score, 3);
  });

  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  await writeFile(again, bytes);
  await expect(readModel(again)).rejects.toThrow(ModelRefusedError);
  await truncate(path, bytes.length - 64);
  await expect(readModel(path)).rejects.toThrow(ModelRefusedError);
  await writeFile(again, 'not a model');
  await expect(readModel(again)).rejects.toThrow(ModelRefusedError);
});

test('training ends when it is told to', async () => {
  const abort = new AbortController();
  const path = join(await ownFolder(), 'model.bin');
  const training = trainInThread(
    {
      signals: shop(400, 300),
      products: new Uint32Array(300),
      path,
      options: { tuneBudgetMs: 60_000, threads: 1 },
    },
    { signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) },
  );
  await expect(training).rejects.toThrow('enough');
});

test('tuning finds parameters that beat popularity and are no worse than the defaults', async () => {
  const signals = shop(400, 300);
  const tried: string[] = [];
  const tuning = await tune(
    signals,
    { budgetMs: 20_000, k: 10, onProgress: (_, trying) => tried.push(trying) },
    compute,
  );
  expect(tuning).toMatchObject({ tuned: true, byTime: true });
  expect(tried.length).toBeGreaterThan(5);
  if (!tuning.chosen || !tuning.baselines) throw new Error('there are no figures');
  expect(objective(tuning.chosen)).toBeGreaterThan(1.5 * objective(tuning.baselines.popularity));
  const split = splitSignals(signals, { maxUsers: 2_000, seed: 1 });
  const examination = prepareExamination(split, 10);
  const figures = async (parameters: typeof defaultParameters) =>
    objective(await evaluateModel(await fitModel(split.training, parameters, compute), examination, compute));
  expect(await figures(tuning.parameters)).toBeGreaterThan(0.95 * (await figures(defaultParameters)));
});

test('with too few users there is nothing to choose by: the defaults', async () => {
  const tuning = await tune(shop(20, 40), { budgetMs: 20_000 }, compute);
  expect(tuning).toMatchObject({ tuned: false, parameters: defaultParameters, trials: [] });
});
