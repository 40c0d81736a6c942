import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createArtifactStore } from '../../src/artifacts/store.ts';
import { createLog } from '../../src/log.ts';
import type { Shard } from '../../src/vectors/manifest.ts';
import { createNearestSearch } from '../../src/vectors/nearest.ts';
import { createShardBuilder } from '../../src/vectors/shard-builder.ts';
import { clusters, dim } from './clusters.ts';

/** Neighbours asked for. */
export const k = 10;
const questions = 500;

export const log = createLog('bench', 'warn');
export const storeAt = (folder: string) =>
  createArtifactStore({ ARTIFACTS_DIR: folder, AWS_REGION: 'none' }, log);

/**
 * Build an index of so many vectors in `folder`, with questions and their true answers in `bench.json` beside it. Only
 * building is timed; the true answers come from comparing with every vector.
 */
export const buildIndex = async (size: number, folder: string) => {
  const builder = createShardBuilder(storeAt(folder));
  const search = await createNearestSearch();
  const draw = clusters();
  const queries = draw(questions);
  const exact: { number: number; score: number }[][] = Array.from({ length: questions }, () => []);
  let shardCount = 1;
  while (size / shardCount > 50_000) shardCount *= 2;
  const shards: Shard[] = [];
  let buildMs = 0;
  for (let shard = 0; shard < shardCount; shard += 1) {
    const first = Math.floor((size * shard) / shardCount);
    const count = Math.floor((size * (shard + 1)) / shardCount) - first;
    const vectors = draw(count);
    for (let start = 0; start < count; start += 8_192) {
      const part = vectors.subarray(start * dim, (start + 8_192) * dim);
      const found = await search.nearest(queries, part, dim, k);
      for (const [at, row] of found.rows.entries())
        exact[Math.floor(at / k)]?.push({ number: first + start + row, score: found.scores[at] as number });
    }
    const numbers = Uint32Array.from({ length: count }, (_, row) => first + row);
    const began = performance.now();
    shards.push(
      await builder.build(`index/bench/shard-${shard}`, {
        ...{ ids: new Uint8Array(count * 16), numbers, vectors, dim, ofShards: shardCount },
      }),
    );
    buildMs += performance.now() - began;
  }
  await builder.close();
  await search.close();
  const truth = exact.map((hits) =>
    hits
      .sort((a, b) => b.score - a.score)
      .slice(0, k)
      .map((hit) => hit.number),
  );
  const manifest = {
    ...{ format: 1, generation: 1, model: 'bench', dim, created_at: new Date().toISOString() },
    ...{ shards, delta: null, count: size },
  };
  await writeFile(join(folder, 'bench.json'), JSON.stringify({ manifest, truth, queries: [...queries] }));
  const bytes = (of: 'faiss' | 'npy') => shards.reduce((sum, shard) => sum + shard[of].bytes, 0);
  return {
    build_s: Math.round(buildMs / 10) / 100,
    notes: {
      ...{ vectors: size, shards: shardCount, type: shards[0]?.type, lists: shards[0]?.lists },
      probes: shards.map(({ probes }) => probes),
      ...{ faiss_bytes: bytes('faiss'), npy_bytes: bytes('npy') },
    },
  };
};
