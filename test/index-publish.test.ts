import { readFile, rm, utimes } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { buildShard } from '../jobs/build-shard.ts';
import { embedProducts } from '../jobs/embed-products.ts';
import { exportEmbeddings } from '../jobs/export-embeddings.ts';
import { pruneArtifacts } from '../jobs/prune-artifacts.ts';
import { findIndexState } from '../src/db/vector-indexes.ts';
import { fallbackModel } from '../src/embeddings/fallback-model.ts';
import { keysOf } from '../src/vectors/manifest-keys.ts';
import { npyRows } from '../src/vectors/npy-rows.ts';
import { handleBuildShard } from '../workers/build-shard.ts';
import { handleEmbedProducts } from '../workers/embed-products.ts';
import { handleExportEmbeddings } from '../workers/export-embeddings.ts';
import { handlePruneArtifacts } from '../workers/prune-artifacts.ts';
import {
  build,
  change,
  countMarks,
  countVectors,
  embed,
  expectMetaTrue,
  otherModel,
  publish,
  putProducts,
  search,
  servingOf,
} from './support/index-steps.ts';
import { performJob } from './support/perform-job.ts';
import { setup } from './support/setup.ts';

test('of publishers that run at once each generation is published by one, and none loses a change', async () => {
  const { parts } = await setup();
  for (let round = 0; round < 5; round += 1) {
    await putProducts(parts, 10);
    await embed(parts);
    await Promise.all([build(parts), publish(parts), publish(parts), publish(parts)]);
  }
  await Promise.all([publish(parts), publish(parts)]);
  const { manifest } = await servingOf(parts);
  expect(manifest.count).toBe(50);
  const numbers = [...manifest.shards, manifest.delta].flatMap((part) => (part ? [part.numbers.key] : []));
  const found = new Set<number>();
  for (const key of numbers) {
    const rows = npyRows(await readFile(await parts.artifacts.file(key)));
    for (let at = 0; at < rows.length; at += 4) found.add(rows.readUInt32LE(at));
  }
  expect(found.size).toBe(50);
  await expectMetaTrue(parts);
});

test('a draft that comes later than a newer one of its shard is not taken', async () => {
  const { parts, db } = await setup();
  const [id] = await putProducts(parts, 5);
  await embed(parts);
  await build(parts);
  const [old] = await db<{ files: string; seen: number }>`select files::text, seen from shard_drafts`;
  await change(parts, id as string, { name: 'paper lantern' });
  await embed(parts);
  await build(parts);
  await publish(parts);
  const { manifest } = await servingOf(parts);
  await db`insert into shard_drafts (model, shards, shard, seen, files)
    values (${fallbackModel}, 1, 0, ${old?.seen}, ${old?.files}::text::jsonb)`;
  await publish(parts);
  expect((await servingOf(parts)).manifest.shards).toEqual(manifest.shards);
  expect(await search(parts, 'paper lantern')).toEqual(['paper lantern']);
});

test('what a publisher left that died after moving the pointer is made good by the next', async () => {
  const { parts, db } = await setup();
  await putProducts(parts, 8);
  await embed(parts);
  const died = new Error('killed');
  const dying = { ...parts, artifacts: { ...parts.artifacts, list: parts.artifacts.list } };
  dying.artifacts = Object.assign(Object.create(parts.artifacts) as typeof parts.artifacts, {
    put: async (key: string, source: { file: string } | { bytes: Uint8Array }) => {
      if (key.startsWith('index/') && key.endsWith('.json')) throw died;
      await parts.artifacts.put(key, source);
    },
  });
  await expect(publish(dying)).rejects.toThrow(died);
  expect(await findIndexState(db, fallbackModel)).toMatchObject({
    generation: 1,
    announced: 0,
    described: {},
  });
  await publish(parts);
  expect(await findIndexState(db, fallbackModel)).toMatchObject({ generation: 1, announced: 1 });
  const current = JSON.parse(
    await readFile(await parts.artifacts.file('index/current.json'), 'utf8'),
  ) as unknown;
  expect(current).toEqual((await servingOf(parts)).manifest);
  await expectMetaTrue(parts);
});

test('a better model is embedded beside the one being served and takes over when it is complete', async () => {
  const { parts, db } = await setup();
  const ids = await putProducts(parts, 30);
  await embed(parts);
  await publish(parts);
  const { embedders, model } = otherModel(parts.embedders);
  const better = { ...parts, embedders };

  // Half of the products: the old one goes on, and follows edits.
  const stopping = new AbortController();
  await db`insert into dirty_keys (kind, key) select 'embedding', id from unnest(${ids.slice(0, 15)}::uuid[]) as id`;
  await change(better, ids[20] as string, { name: 'porcelain teapot' });
  const once = {
    ...better,
    embedders: {
      ...embedders,
      best: async () => {
        const best = await embedders.best();
        return {
          ...best,
          embed: async (texts: readonly string[]) => {
            stopping.abort();
            return best.embed(texts);
          },
        };
      },
    },
  };
  await performJob(embedProducts, handleEmbedProducts, {}, once, { signal: stopping.signal });
  expect(await countVectors(parts, model)).toBe(16);
  await publish(better);
  expect((await servingOf(parts)).model).toBe(fallbackModel);
  expect(await search(parts, 'porcelain teapot')).toEqual(['porcelain teapot']);

  await embed(better);
  expect(await countVectors(parts, model)).toBe(30);
  await publish(better);
  const taken = await servingOf(parts);
  expect([taken.model, taken.manifest.model, taken.manifest.count]).toEqual([model, model, 30]);
  expect(await search(better, 'porcelain teapot')).toEqual(['porcelain teapot']);
  await expectMetaTrue(parts);

  // Who has only the fallback leaves products to others.
  await change(parts, ids[0] as string, { name: 'changed' });
  await embed(parts);
  expect(await countMarks(parts, 'embedding')).toBe(1);

  await db`update vector_indexes set retired_at = now() - interval '1 day' where model = ${fallbackModel}`;
  await performJob(pruneArtifacts, handlePruneArtifacts, {}, parts);
  expect([await countVectors(parts), await countVectors(parts, model)]).toEqual([0, 30]);
});

test('the shards are divided anew all at once', async () => {
  const { parts, db } = await setup();
  await putProducts(parts, 60);
  await embed(parts);
  await build(parts);
  await publish(parts);
  // As if there were many more.
  await db`update vector_models set vectors = 60000`;
  const model = fallbackModel;
  await performJob(buildShard, handleBuildShard, { model, shards: 2, shard: 0 }, parts);
  const [id] = await putProducts(parts, 1, { name: 'copper kettle' });
  await embed(parts);
  await publish(parts);
  expect((await servingOf(parts)).manifest.shards).toHaveLength(1);
  expect(await search(parts, 'copper kettle')).toEqual(['copper kettle']);
  await performJob(buildShard, handleBuildShard, { model, shards: 2, shard: 1 }, parts);
  await publish(parts);
  const { manifest } = await servingOf(parts);
  expect(manifest.shards.map((shard) => (shard?.count ?? 0) > 0)).toEqual([true, true]);
  expect(await search(parts, 'copper kettle')).toEqual(['copper kettle']);
  const [meta] = await db<{
    file: string;
  }>`select embedding_file as file from embeddings_meta where object_id = ${id}`;
  expect(keysOf(manifest)).toContain(meta?.file);
  expect(await db`select shard from shard_drafts`).toEqual([]);
});

test('the export holds every vector once, and is written when something changed', async () => {
  const { parts, db } = await setup();
  const ids = await putProducts(parts, 40);
  await embed(parts);
  await build(parts);
  await publish(parts);
  await change(parts, ids[7] as string, { name: 'glass marble' });
  await embed(parts);
  await publish(parts);
  await performJob(exportEmbeddings, handleExportEmbeddings, { small: true }, parts);
  const values = npyRows(await readFile(await parts.artifacts.file('product_embeddings.npy')));
  const names = npyRows(await readFile(await parts.artifacts.file('product_embeddings.ids.npy'))).toString(
    'latin1',
  );
  const { manifest } = await servingOf(parts);
  expect([names.length, values.length]).toEqual([40 * 36, 40 * manifest.dim * 4]);
  const stored = await db<{
    id: string;
    vector: Uint8Array;
  }>`select product_id as id, vector from product_vectors`;
  for (const { id, vector } of stored) {
    const row = names.indexOf(id) / 36;
    expect(values.subarray(row * vector.length, (row + 1) * vector.length)).toEqual(Buffer.from(vector));
  }
  const path = await parts.artifacts.file('product_embeddings.npy');
  await rm(path);
  await performJob(exportEmbeddings, handleExportEmbeddings, { small: true }, parts);
  await expect(parts.artifacts.file('product_embeddings.npy')).rejects.toThrow();
});

test('pruning keeps what is pointed to and what was of late', async () => {
  const { parts, db } = await setup();
  await putProducts(parts, 5);
  await embed(parts);
  await publish(parts);
  const old = (await servingOf(parts)).manifest;
  await putProducts(parts, 5);
  await embed(parts);
  await publish(parts);
  await build(parts);
  const current = (await servingOf(parts)).manifest;
  const [draft] = await db<{ key: string }>`select files -> 'faiss' ->> 'key' as key from shard_drafts`;
  const age = async () => {
    for (const { key } of await parts.artifacts.list('index/')) {
      await utimes(await parts.artifacts.file(key), 0, 0);
    }
  };
  await age();
  await performJob(pruneArtifacts, handlePruneArtifacts, {}, parts);
  for (const key of [...keysOf(old), ...keysOf(current)]) await parts.artifacts.file(key);

  await db`update index_generations set published_at = published_at - interval '1 hour'`;
  await performJob(pruneArtifacts, handlePruneArtifacts, {}, parts);
  for (const key of [...keysOf(current), draft?.key as string, 'index/current.json'])
    await parts.artifacts.file(key);
  for (const key of keysOf(old)) await expect(parts.artifacts.file(key)).rejects.toThrow(key);
});
