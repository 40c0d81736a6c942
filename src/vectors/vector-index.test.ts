import { describe, expect, test } from 'vitest';
import {
  dim,
  exactSearch,
  manifestOf,
  randomVectors,
  setUpVectors,
  shardRows,
} from '../../test/support/vectors.ts';
import { RetryableError } from '../errors.ts';
import { killIndexThread } from './shared-thread.ts';
import type { Hits } from './vector-index.ts';

const row = (vectors: Float32Array, at: number) => vectors.subarray(at * dim, (at + 1) * dim);
const byNumber = (vectors: Float32Array, first = 0) =>
  new Map(Array.from({ length: vectors.length / dim }, (_, at) => [first + at, row(vectors, at)]));
const bits = (size: number, numbers: Iterable<number>) => {
  const allowed = new Uint8Array((size >> 3) + 1);
  for (const number of numbers) allowed[number >> 3] = (allowed[number >> 3] as number) | (1 << (number & 7));
  return allowed;
};
const expectSame = (hits: Hits | undefined, exact: { number: number; score: number }[]) => {
  expect([...(hits?.numbers ?? [])]).toEqual(exact.map(({ number }) => number));
  for (const [at, { score }] of exact.entries()) expect(hits?.scores[at]).toBeCloseTo(score, 5);
};
const recall = (hits: Hits[], exact: { number: number }[][]) => {
  let [found, wanted] = [0, 0];
  for (const [at, truth] of exact.entries()) {
    const numbers = new Set(hits[at]?.numbers);
    found += truth.filter(({ number }) => numbers.has(number)).length;
    wanted += truth.length;
  }
  return found / wanted;
};

describe.each([
  { type: 'flat', size: 700, least: 1 },
  { type: 'ivf', size: 12_000, least: 0.98 },
])('an index of the type $type', ({ type, size, least }) => {
  const vectors = randomVectors(size, 1);
  const queries = randomVectors(size + 40, 1).subarray(size * dim);
  const products = byNumber(vectors);
  const each = Array.from({ length: 40 }, (_, at) => row(queries, at));

  const opened = async () => {
    const parts = await setUpVectors();
    const shard = await parts.builder.build('index/a', shardRows(vectors));
    await parts.index.open(manifestOf([null, shard]));
    return { ...parts, shard };
  };

  test('answers as exact search does', async () => {
    const { index, shard } = await opened();
    expect(shard.type).toBe(type);
    expect(shard.recall).toBeGreaterThanOrEqual(0.99);
    const exact = each.map((query) => exactSearch(products, query, 10));
    const hits = await index.search(queries, { k: 10 });
    expect(recall(hits, exact)).toBeGreaterThanOrEqual(least);
    if (type === 'flat') for (const [at, truth] of exact.entries()) expectSame(hits[at], truth);
    for (const [at, { numbers, scores }] of hits.entries()) {
      expect([...scores]).toEqual([...scores].sort((a, b) => b - a));
      const own = row(vectors, numbers[0] as number).reduce((sum, x, i) => sum + x * (each[at]?.[i] ?? 0), 0);
      expect(scores[0]).toBeCloseTo(own, 5);
    }
  });

  test('gives every product when more are asked for than there are', async () => {
    const { index } = await opened();
    const [hits] = await index.search(row(queries, 0), { k: size + 5 });
    expect(new Set(hits?.numbers).size).toBe(size);
    expectSame(hits && { numbers: hits.numbers.subarray(0, 5), scores: hits.scores.subarray(0, 5) }, [
      ...exactSearch(products, row(queries, 0), 5),
    ]);
  });

  test.each([
    ['no product', () => false],
    ['one product', (n: number) => n === 77],
    ['a few', (n: number) => n % 29 === 3],
    ['a tenth', (n: number) => n % 10 === 3],
    ['half', (n: number) => n % 2 === 0],
    ['all', () => true],
  ])('finds only allowed products, and enough of them, when %s may be found', async (_, may) => {
    const { index } = await opened();
    const allowed = [...products.keys()].filter(may);
    const some = new Map([...products].filter(([number]) => may(number)));
    const hits = await index.search(queries, { k: 10, allowed: bits(size, allowed) });
    for (const { numbers } of hits) {
      expect(numbers.length).toBe(Math.min(10, allowed.length));
      expect(new Set(numbers).size).toBe(numbers.length);
      expect([...numbers].filter((number) => !may(number))).toEqual([]);
    }
    const exact = each.map((query) => exactSearch(some, query, 10));
    if (allowed.length > 0) expect(recall(hits, exact)).toBeGreaterThanOrEqual(least);
  });

  test('prefers the delta: what is in it is found at its new place and only there', async () => {
    const { index, builder, shard } = await opened();
    const changed = randomVectors(30, 9);
    // Products 5 to 34 have moved; the last ones of the delta are new.
    const first = type === 'flat' ? 5 : size - 15;
    const delta = await builder.build('index/delta', shardRows(changed, first));
    await index.open(manifestOf([shard], { delta, generation: 2 }));
    const now = new Map([...products, ...byNumber(changed, first)]);
    const asked = new Float32Array([...changed, ...row(vectors, first), ...queries]);
    const hits = await index.search(asked, { k: 10 });
    const exact = hits.map((_, at) => exactSearch(now, row(asked, at), 10));
    for (const { numbers } of hits) expect(new Set(numbers).size).toBe(numbers.length);
    for (let at = 0; at < 30; at += 1) expect(hits[at]?.numbers[0]).toBe(first + at);
    expect(recall(hits, exact)).toBeGreaterThanOrEqual(least);
    const numbers = Uint32Array.of(first, 2, first + 29, 4_000_000);
    expect(await index.vectors(numbers)).toEqual(
      Float32Array.from([
        ...row(changed, 0),
        ...row(vectors, 2),
        ...row(changed, 29),
        ...new Float32Array(dim),
      ]),
    );
  });

  test('is made the same, byte for byte, from the same rows', async () => {
    const { builder, shard } = await opened();
    const again = await builder.build('index/again', shardRows(vectors));
    expect(again.faiss.sha256).toBe(shard.faiss.sha256);
    expect(again.npy.sha256).toBe(shard.npy.sha256);
  });
});

test('gives products of equal scores in the order of their numbers, none twice', async () => {
  const { index, builder } = await setUpVectors();
  const one = randomVectors(1, 3);
  const same = Float32Array.from({ length: 20 * dim }, (_, at) => one[at % dim] as number);
  const shards = [
    await builder.build('index/a', shardRows(same, 100)),
    await builder.build('index/b', shardRows(same)),
  ];
  await index.open(manifestOf(shards));
  const [hits] = await index.search(one, { k: 40 });
  expect([...(hits?.numbers ?? [])]).toEqual([
    ...Array(20).keys(),
    ...Array.from(Array(20), (_, at) => 100 + at),
  ]);
  expect(new Set(hits?.scores).size).toBe(1);
});

test('merges shards as if they were one', async () => {
  const { index, builder } = await setUpVectors();
  const vectors = randomVectors(900, 4);
  const shards = [];
  for (const part of [0, 1, 2]) {
    const some = vectors.subarray(part * 300 * dim, (part + 1) * 300 * dim);
    shards.push(await builder.build(`index/${part}`, shardRows(some, part * 300)));
  }
  await index.open(manifestOf(shards));
  for (const [at, hits] of (await index.search(vectors.subarray(0, 50 * dim), { k: 10 })).entries()) {
    expectSame(hits, exactSearch(byNumber(vectors), row(vectors, at), 10));
  }
});

test('answers every search while generations are swapped, each from one generation only', async () => {
  const { index, builder } = await setUpVectors();
  const vectors = randomVectors(400, 5);
  // The generations share a shard and differ in the other: products 1,000 and up, or 2,000 and up.
  const shared = await builder.build('index/shared', shardRows(randomVectors(300, 6)));
  const even = await builder.build('index/even', shardRows(vectors, 1000));
  const odd = await builder.build('index/odd', shardRows(vectors, 2000));
  await index.open(manifestOf([shared, even]));
  let [swapping, searches] = [true, 0];
  const seen = new Set<number>();
  const ask = async () => {
    while (swapping) {
      const at = searches++ % 400;
      const [hits] = await index.search(row(vectors, at), { k: 20 });
      const kinds = new Set(
        [...(hits?.numbers ?? [])].map((n) => Math.floor(n / 1000)).filter((kind) => kind > 0),
      );
      expect(hits?.numbers.length).toBe(20);
      expect(kinds.size).toBe(1);
      expect((hits?.numbers[0] as number) % 1000).toBe(at);
      for (const kind of kinds) seen.add(kind);
    }
  };
  const asking = [ask(), ask(), ask()];
  for (let generation = 2; generation < 60; generation += 1) {
    await index.open(manifestOf([shared, generation % 2 ? odd : even], { generation }));
  }
  swapping = false;
  await Promise.all(asking);
  expect([...seen].sort()).toEqual([1, 2]);
  expect(searches).toBeGreaterThan(58);
});

test('answers from its shards and nothing beside them', async () => {
  const { index, newIndex, builder, store } = await setUpVectors();
  const vectors = randomVectors(300, 7);
  const all = await builder.build('index/all', shardRows(vectors));
  const half = await builder.build('index/half', shardRows(vectors.subarray(150 * dim), 150));
  await index.open(manifestOf([all]));
  const query = row(vectors, 3);
  expect((await index.search(query, { k: 1 }))[0]?.numbers[0]).toBe(3);
  await index.open(manifestOf([half]));
  const [without] = await index.search(query, { k: 300 });
  expect([...(without?.numbers ?? [])].every((number) => number >= 150)).toBe(true);
  expect(without?.numbers.length).toBe(150);
  await index.open(manifestOf([null]));
  expect((await index.search(query, { k: 10 }))[0]?.numbers.length).toBe(0);

  for (const file of [all.faiss, all.npy, all.numbers]) await store.remove(file.key);
  const other = newIndex();
  await expect(other.open(manifestOf([all]))).rejects.toThrow('there is no artifact');
  await expect(other.search(query, { k: 1 })).rejects.toThrow(RetryableError);
});

test("refuses questions of another model than the index's", async () => {
  const { index, builder } = await setUpVectors();
  const vectors = randomVectors(20, 8);
  await index.open(manifestOf([await builder.build('index/a', shardRows(vectors))]));
  await expect(index.search(row(vectors, 0), { k: 1, model: 'other' })).rejects.toThrow(RetryableError);
  expect((await index.search(row(vectors, 0), { k: 1, model: 'test' }))[0]?.numbers[0]).toBe(0);
});

test('serves again by itself when its thread has died, and says meanwhile that it is worth a retry', async () => {
  const { index, newIndex, builder } = await setUpVectors();
  const vectors = randomVectors(200, 9);
  const manifest = manifestOf([await builder.build('index/a', shardRows(vectors))]);
  const other = newIndex();
  await index.open(manifest);
  await other.open(manifest);
  const running = index.search(vectors, { k: 100 });
  const killed = killIndexThread();
  await expect(running).rejects.toThrow(RetryableError);
  await killed;
  await expect
    .poll(() => index.search(row(vectors, 5), { k: 1 }).then(([hits]) => hits?.numbers[0], String))
    .toBe(5);
  await expect
    .poll(() => other.search(row(vectors, 6), { k: 1 }).then(([hits]) => hits?.numbers[0], String))
    .toBe(6);
});
