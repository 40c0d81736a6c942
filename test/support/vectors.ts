import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createArtifactStore } from '../../src/artifacts/store.ts';
import { createLog } from '../../src/log.ts';
import type { Manifest, Shard } from '../../src/vectors/manifest.ts';
import { normal, seededRandom } from '../../src/vectors/random.ts';
import { createShardBuilder, type ShardRows } from '../../src/vectors/shard-builder.ts';
import { createVectorIndex, type VectorIndex } from '../../src/vectors/vector-index.ts';

export const dim = 32;

/** Unit vectors in clusters, the same for the same seed. */
export const randomVectors = (count: number, seed: number): Float32Array => {
  const random = seededRandom(seed);
  const centres = Float32Array.from({ length: 50 * dim }, () => normal(random));
  const vectors = new Float32Array(count * dim);
  for (let row = 0; row < count; row += 1) {
    const centre = Math.floor(random() * 50) * dim;
    const vector = Float32Array.from(
      { length: dim },
      (_, at) => (centres[centre + at] as number) + 0.5 * normal(random),
    );
    const length = Math.hypot(...vector);
    vectors.set(
      vector.map((x) => x / length),
      row * dim,
    );
  }
  return vectors;
};

/** Rows for a shard: products `first`, `first + 1`, … */
export const shardRows = (vectors: Float32Array, first = 0): ShardRows => {
  const count = vectors.length / dim;
  const numbers = Uint32Array.from({ length: count }, (_, row) => first + row);
  const ids = Buffer.concat(Array.from(numbers, () => Buffer.from(randomUUID().replaceAll('-', ''), 'hex')));
  return { ids: new Uint8Array(ids), numbers, vectors: vectors.slice(), dim };
};

export const manifestOf = (shards: (Shard | null)[], more: Partial<Manifest> = {}): Manifest => ({
  ...{ format: 1, generation: 1, model: 'test', dim, created_at: new Date().toISOString() },
  ...{ shards, delta: null, count: shards.reduce((sum, shard) => sum + (shard?.count ?? 0), 0) },
  ...more,
});

/** The exact answer, by plain multiplication. */
export const exactSearch = (
  products: Map<number, Float32Array>,
  query: Float32Array,
  k: number,
): { number: number; score: number }[] =>
  [...products]
    .map(([number, vector]) => ({
      number,
      score: vector.reduce((sum, x, at) => sum + x * (query[at] as number), 0),
    }))
    .sort((a, b) => b.score - a.score || a.number - b.number)
    .slice(0, k);

/** A folder for artifacts, a builder and an index, closed by the test itself. */
export const setUpVectors = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-vectors-'));
  const log = createLog('test', 'silent');
  const store = createArtifactStore({ ARTIFACTS_DIR: folder, AWS_REGION: 'none' }, log);
  const builder = createShardBuilder(store);
  const indexes: VectorIndex[] = [];
  const newIndex = () => {
    const index = createVectorIndex(store, log);
    indexes.push(index);
    return index;
  };
  onTestFinished(async () => {
    await Promise.all([builder.close(), ...indexes.map((index) => index.close())]);
    await rm(folder, { recursive: true, force: true });
  });
  return { folder, store, builder, index: newIndex(), newIndex };
};
