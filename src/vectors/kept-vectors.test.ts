import { expect, test } from 'vitest';
import { dim, manifestOf, randomVectors, setUpVectors, shardRows } from '../../test/support/vectors.ts';
import { RetryableError } from '../errors.ts';
import { keepVectors } from './kept-vectors.ts';
import type { VectorIndex } from './vector-index.ts';

const row = (vectors: Float32Array, at: number) => Array.from(vectors.subarray(at * dim, (at + 1) * dim));

/** An index of products 0 to 99, which products were read from it, and what may happen while they are. */
const setUp = async () => {
  const parts = await setUpVectors();
  const vectors = randomVectors(100, 1);
  const shard = await parts.builder.build('index/a', shardRows(vectors));
  await parts.index.open(manifestOf([shard]));
  const read: number[][] = [];
  const meanwhile: (() => Promise<unknown>)[] = [];
  const index: VectorIndex = {
    ...{ open: (manifest) => parts.index.open(manifest), close: () => parts.index.close() },
    search: (queries, options) => parts.index.search(queries, options),
    get manifest() {
      return parts.index.manifest;
    },
    async vectors(numbers) {
      read.push(Array.from(numbers));
      const found = await parts.index.vectors(numbers);
      await meanwhile.shift()?.();
      return found;
    },
  };
  const ask = async (kept: ReturnType<typeof keepVectors>, ...numbers: number[]) => {
    const { values, starts } = await kept.rows(Uint32Array.from(numbers));
    return Array.from(starts, (start) => Array.from(values.subarray(start, start + dim)));
  };
  return { ...parts, index, vectors, shard, read, meanwhile, ask };
};

test('a vector is read once, however often and with whatever others it is asked for', async () => {
  const { index, vectors, read, ask } = await setUp();
  const kept = keepVectors(index);
  const none = new Array<number>(dim).fill(0);
  expect(await ask(kept, 7, 3, 7, 4_000_000)).toEqual([
    row(vectors, 7),
    row(vectors, 3),
    row(vectors, 7),
    none,
  ]);
  expect(await ask(kept, 3, 9, 4_000_000)).toEqual([row(vectors, 3), row(vectors, 9), none]);
  expect(await ask(kept)).toEqual([]);
  expect(read).toEqual([[7, 3, 4_000_000], [9]]);
  const all = Array.from({ length: 100 }, (_, number) => number);
  expect(await ask(kept, ...all)).toEqual(all.map((number) => row(vectors, number)));
});

test('those of another generation are read anew, and by whoever waited for the old ones', async () => {
  const { index, builder, vectors, shard, meanwhile, ask } = await setUp();
  const kept = keepVectors(index);
  const changed = randomVectors(10, 2);
  const delta = await builder.build('index/delta', shardRows(changed));
  expect(await ask(kept, 5)).toEqual([row(vectors, 5)]);
  meanwhile.push(() => index.open(manifestOf([shard], { delta, generation: 2 })));
  expect(await ask(kept, 5, 6, 50)).toEqual([row(changed, 5), row(changed, 6), row(vectors, 50)]);
});

test('several ask at once, and when there is no room the others are forgotten', async () => {
  const { index, vectors, read, ask } = await setUp();
  const kept = keepVectors(index, { most: 4 * 4 * dim });
  const both = await Promise.all([ask(kept, 1, 2, 3), ask(kept, 3, 4)]);
  expect(both).toEqual([
    [row(vectors, 1), row(vectors, 2), row(vectors, 3)],
    [row(vectors, 3), row(vectors, 4)],
  ]);
  read.length = 0;
  expect(await ask(kept, 1, 2, 3, 4)).toEqual([1, 2, 3, 4].map((number) => row(vectors, number)));
  expect(read).toEqual([]);
  // One more makes all others go, and more at once than there is room for are no trouble.
  expect(await ask(kept, 4, 5)).toEqual([row(vectors, 4), row(vectors, 5)]);
  expect(await ask(kept, 5, 4, 1)).toEqual([row(vectors, 5), row(vectors, 4), row(vectors, 1)]);
  expect(read).toEqual([[5], [1]]);
  expect(await ask(kept, 10, 11, 12, 13, 14, 15)).toEqual(
    [10, 11, 12, 13, 14, 15].map((number) => row(vectors, number)),
  );
});

test('what others have had forgotten meanwhile is not read again', async () => {
  const { index, vectors, read, meanwhile, ask } = await setUp();
  const kept = keepVectors(index, { most: 4 * 4 * dim });
  await ask(kept, 1, 2, 3);
  meanwhile.push(() => ask(kept, 5, 6, 7));
  expect(await ask(kept, 4, 1, 2)).toEqual([row(vectors, 4), row(vectors, 1), row(vectors, 2)]);
  expect(read).toEqual([[1, 2, 3], [4], [5, 6, 7]]);
});

test('without an index nothing is known', async () => {
  const { index } = await setUpVectors();
  await expect(keepVectors(index).rows(Uint32Array.of(1))).rejects.toThrow(RetryableError);
});
