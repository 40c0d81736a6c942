import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { buildShard } from '../jobs/build-shard.ts';
import { embedProducts } from '../jobs/embed-products.ts';
import { exportEmbeddings } from '../jobs/export-embeddings.ts';
import { pruneArtifacts } from '../jobs/prune-artifacts.ts';
import { publishIndex } from '../jobs/publish-index.ts';
import { runRebuild } from '../jobs/run-rebuild.ts';
import { upsertCategories } from '../jobs/upsert-categories.ts';
import { upsertProducts } from '../jobs/upsert-products.ts';
import { insertRebuild } from '../src/db/rebuilds.ts';
import { findIndexState, findServingIndex } from '../src/db/vector-indexes.ts';
import type { Embedder, Embedders } from '../src/embeddings/embedder.ts';
import { fallbackModel } from '../src/embeddings/fallback-model.ts';
import { RetryableError } from '../src/errors.ts';
import type { Parts } from '../src/parts.ts';
import { followIndex } from '../src/serving/follow-index.ts';
import { keysOf } from '../src/vectors/manifest-keys.ts';
import { npyRows } from '../src/vectors/npy-rows.ts';
import { handleBuildShard } from '../workers/build-shard.ts';
import { handleEmbedProducts } from '../workers/embed-products.ts';
import { handleExportEmbeddings } from '../workers/export-embeddings.ts';
import { handlePruneArtifacts } from '../workers/prune-artifacts.ts';
import { handlePublishIndex } from '../workers/publish-index.ts';
import { handleRunRebuild } from '../workers/run-rebuild.ts';
import { handleUpsertCategories } from '../workers/upsert-categories.ts';
import { handleUpsertProducts } from '../workers/upsert-products.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { performJob } from './support/perform-job.ts';
import { setup } from './support/setup.ts';

const goods = [
  'red wool scarf',
  'steel kitchen knife',
  'usb charging cable',
  'garden hose',
  'novel about the sea',
];

const event = (fields: Record<string, unknown>) => ({
  event_id: uuidv7(),
  received_at: new Date().toISOString(),
  ...fields,
});

/** Put products, as events; answers their ids. */
const putProducts = async (parts: Parts, count: number, fields: Record<string, unknown> = {}) => {
  const ids = Array.from({ length: count }, () => uuidv7());
  const events = ids.map((product_id, nth) =>
    event({
      op: 'put',
      product_id,
      name: `${goods[nth % goods.length]} ${nth}`,
      price: '9.90',
      currency: 'EUR',
      ...fields,
    }),
  );
  await performJob(upsertProducts, handleUpsertProducts, { events }, parts);
  return ids;
};

const change = (parts: Parts, product_id: string, fields: Record<string, unknown>) =>
  performJob(
    upsertProducts,
    handleUpsertProducts,
    { events: [event({ op: 'patch', product_id, ...fields })] },
    parts,
  );

const embed = (parts: Parts) => performJob(embedProducts, handleEmbedProducts, {}, parts);
const publish = (parts: Parts, options = {}) => performJob(publishIndex, handlePublishIndex, options, parts);
const build = (parts: Parts, model = fallbackModel) =>
  performJob(buildShard, handleBuildShard, { model, shards: 1, shard: 0 }, parts);

const servingOf = async ({ db }: Parts) => {
  const serving = await findServingIndex(db);
  if (!serving) throw new Error('nothing is served');
  return serving;
};

const countVectors = async ({ db }: Parts, model = fallbackModel) =>
  (await db<{ n: number }>`select count(*)::integer as n from product_vectors where model = ${model}`)[0]?.n;

const countMarks = async ({ db }: Parts, kind: string) =>
  (await db<{ n: number }>`select count(*)::integer as n from dirty_keys where kind = ${kind}`)[0]?.n;

/** What the nearest products to a text are called. */
const search = async (parts: Parts, text: string, k = 1): Promise<string[]> => {
  const { manifest } = await servingOf(parts);
  await parts.vectors.open(manifest);
  const embedder = await parts.embedders.named(manifest.model);
  const [hits] = await parts.vectors.search(await embedder.embed([text]), { k });
  const rows = await parts.db<{ name: string }>`
    select p.name from unnest(${[...(hits?.numbers ?? [])]}::integer[]) with ordinality as h(number, place)
    join product_numbers using (number) join products p using (product_id) order by place`;
  return rows.map(({ name }) => name);
};

/** Every product is in embeddings_meta, and where that says its vector lies, it does. */
const expectMetaTrue = async (parts: Parts) => {
  const { manifest } = await servingOf(parts);
  const rows = await parts.db<{ file: string; row: number; dim: number; vector: Uint8Array; id: string }>`
    select m.embedding_file as file, m.vector_index as row, m.dim, v.vector, v.product_id as id
    from product_vectors v
    left join embeddings_meta m on m.object_type = 'product' and m.object_id = v.product_id
    where v.model = ${manifest.model}`;
  expect(rows).toHaveLength(manifest.count);
  const files = new Map<string, Buffer>();
  for (const { file, row, dim, vector } of rows) {
    expect(keysOf(manifest)).toContain(file);
    const values = files.get(file) ?? npyRows(await readFile(await parts.artifacts.file(file)));
    files.set(file, values);
    expect(values.subarray(row * dim * 4, (row + 1) * dim * 4)).toEqual(Buffer.from(vector));
  }
};

/** Another model: every text gets the fallback's vector turned round. */
const otherModel = (embedders: Embedders): { embedders: Embedders; model: string } => {
  const model = 'turned-round';
  const turn = async (): Promise<Embedder> => {
    const plain = await embedders.named(fallbackModel);
    return {
      model,
      dim: plain.dim,
      embed: async (texts) => (await plain.embed(texts)).map((value) => -value),
    };
  };
  return {
    model,
    embedders: {
      best: turn,
      named: (name) => (name === model ? turn() : embedders.named(name)),
      close: () => embedders.close(),
    },
  };
};

test('an empty shop has no index, and nothing fails', async () => {
  const { parts, db } = await setup();
  await embed(parts);
  await publish(parts);
  await publish(parts, { fold: true });
  await performJob(exportEmbeddings, handleExportEmbeddings, {}, parts);
  await performJob(pruneArtifacts, handlePruneArtifacts, {}, parts);
  expect(await findServingIndex(db)).toBeUndefined();
});

test('workers embed what is put, build its shard and publish it; an edit follows, a price does not', async () => {
  const system = await setup();
  const { parts, db } = system;
  system.startWorkers();
  const ids = await putProducts(parts, 700);
  await drain(system);
  expect(await countVectors(parts)).toBe(700);
  const { manifest } = await servingOf(parts);
  expect(manifest.count).toBe(700);
  expect(manifest.shards[0]?.count).toBeGreaterThan(0);
  await expectMetaTrue(parts);

  const [before] = await db`select (select last_value from vector_version) as version`;
  await change(parts, ids[0] as string, { price: '1.00' });
  expect(await countMarks(parts, 'embedding')).toBe(0);
  await drain(system);
  expect(await db`select (select last_value from vector_version) as version`).toEqual([before]);

  await change(parts, ids[1] as string, { name: 'submarine periscope' });
  await eventually(
    async () => expect(await search(parts, 'periscope')).toEqual(['submarine periscope']),
    5_000,
  );
  await drain(system);
  expect((await servingOf(parts)).manifest.count).toBe(700);
  await expectMetaTrue(parts);
});

test('a renamed category gives the products in and below it new vectors, and only those', async () => {
  const { parts, db } = await setup();
  const category = (slug: string, name: string, parent_slug: string | null = null) =>
    performJob(
      upsertCategories,
      handleUpsertCategories,
      { events: [event({ slug, name, parent_slug })] },
      parts,
    );
  await category('home', 'Home');
  await category('kitchen', 'Kitchen', 'home');
  await category('sports', 'Sports');
  const below = await putProducts(parts, 3, { category_slug: 'kitchen' });
  await putProducts(parts, 3, { category_slug: 'sports' });
  await embed(parts);
  const [text] = await db<{ body: string }>`select body from product_text(${[below[0]]}::uuid[])`;
  expect(text?.body).toContain('Home > Kitchen');

  await category('home', 'Home');
  expect(await countMarks(parts, 'embedding')).toBe(0);
  await category('home', 'House');
  const marked = await db<{ key: string }>`select key from dirty_keys where kind = 'embedding' order by key`;
  expect(marked.map(({ key }) => key)).toEqual([...below].sort());
  const versions = await db<{ version: number }>`select max(version) as version from vector_changes`;
  await embed(parts);
  const changed = await db<{ product_id: string }>`
    select product_id from vector_changes where version > ${versions[0]?.version} order by product_id`;
  expect(changed.map(({ product_id }) => product_id)).toEqual([...below].sort());
});

test('an edit lies in the delta, over its base shard, until that is built again', async () => {
  const { parts, db } = await setup();
  const ids = await putProducts(parts, 20);
  await embed(parts);
  await build(parts);
  await publish(parts);
  const first = (await servingOf(parts)).manifest;
  expect([first.shards[0]?.count, first.delta]).toEqual([20, null]);

  await change(parts, ids[3] as string, { long_description: 'a telescope for stars' });
  await embed(parts);
  await publish(parts);
  const second = (await servingOf(parts)).manifest;
  expect(second.shards).toEqual(first.shards);
  expect([second.delta?.count, second.count]).toEqual([1, 20]);
  expect(await search(parts, 'telescope for stars')).toEqual([`${goods[3]} 3`]);
  await expectMetaTrue(parts);

  await build(parts);
  await publish(parts);
  const third = (await servingOf(parts)).manifest;
  expect([third.shards[0]?.count, third.delta]).toEqual([20, null]);
  expect(await db`select product_id from vector_changes`).toEqual([]);
  await expectMetaTrue(parts);
  const covered = await findIndexState(db, fallbackModel);
  await publish(parts);
  expect((await servingOf(parts)).generation).toBe(third.generation);

  // Published anew without a change it covers what it did, so a shard that is built from now on is new enough.
  await publish(parts, { anew: true });
  await build(parts);
  await publish(parts);
  expect(await findIndexState(db, fallbackModel)).toMatchObject({ drafts: [], covers: covered?.covers });
});

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

test('a rebuild goes on where its job was stopped, and a second one waits for it', async () => {
  const system = await setup();
  const { parts, db } = system;
  await putProducts(parts, 150);
  await embed(parts);
  await publish(parts);
  const [before] = await db<{ version: number }>`select last_value as version from vector_version`;
  const { url, keys } = await system.startApi();
  const call = (path: string, body?: unknown) =>
    fetch(`${url}/v1/admin/rebuild${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${keys.admin}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  expect((await call(`/${uuidv7()}`)).status).toBe(404);
  expect((await call('', { targets: ['everything'] })).status).toBe(400);
  const asked = await call('', { targets: ['embeddings', 'index'] });
  expect(asked.status).toBe(202);
  const { rebuild_id } = (await asked.json()) as { rebuild_id: string };
  const second = (await (await call('', { targets: ['index'] })).json()) as { rebuild_id: string };

  const stopping = new AbortController();
  stopping.abort();
  const run = performJob(runRebuild, handleRunRebuild, {}, parts, { signal: stopping.signal });
  await expect(run).rejects.toThrow(RetryableError);
  const half = await (await call(`/${rebuild_id}`)).json();
  expect(half).toMatchObject({
    state: 'running',
    targets: [{ state: 'running', done: 64 }, { state: 'waiting' }],
  });
  expect(await (await call(`/${second.rebuild_id}`)).json()).toMatchObject({ state: 'running' });
  await db`update rebuilds set claimed_until = now() - interval '1 second'`;

  system.startWorkers();
  await eventually(async () => {
    for (const id of [rebuild_id, second.rebuild_id]) {
      expect(await (await call(`/${id}`)).json()).toMatchObject({ state: 'done' });
    }
  }, 30_000);
  expect(await (await call(`/${rebuild_id}`)).json()).toEqual({
    state: 'done',
    reason: null,
    targets: [
      { name: 'embeddings', state: 'done', done: 150, total: 150 },
      { name: 'index', state: 'done', done: 1, total: 1 },
    ],
  });
  await drain(system);
  const [after] = await db<{ version: number }>`select last_value as version from vector_version`;
  expect((after?.version ?? 0) - (before?.version ?? 0)).toBe(150);
  await expectMetaTrue(parts);
});

test('a rebuild that cannot be done says why', async () => {
  const { parts, db } = await setup();
  await putProducts(parts, 3);
  const id = uuidv7();
  await insertRebuild(db, id, ['embeddings', 'index']);
  const broken = {
    ...parts,
    embedders: { ...parts.embedders, best: () => Promise.reject(new Error('out of tokens')) },
  };
  await performJob(runRebuild, handleRunRebuild, {}, broken);
  expect(await db`select state, reason from rebuilds`).toEqual([
    { state: 'failed', reason: 'out of tokens' },
  ]);
  expect(await db`select state from rebuild_targets order by place`).toEqual([
    { state: 'failed' },
    { state: 'waiting' },
  ]);
});

test('a follower serves each generation, refuses a corrupt one, tells it once and gets it repaired', async () => {
  const system = await setup();
  const { parts, db } = system;
  await putProducts(parts, 12);
  await embed(parts);
  await build(parts);
  await publish(parts);
  const follower = followIndex(parts);
  await follower.ready;
  expect(parts.vectors.manifest?.generation).toBe(1);

  await putProducts(parts, 1, { name: 'brass compass' });
  await embed(parts);
  await build(parts);
  await publish(parts);
  const { manifest } = await servingOf(parts);
  const key = manifest.shards[0]?.npy.key as string;
  const path = await parts.artifacts.file(key);
  const bytes = await readFile(path);
  bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
  await writeFile(path, bytes);
  follower.poke();
  const complaints = () => db`select payload ->> 'key' as key from system_audit where component = 'index'`;
  await eventually(async () => expect(await complaints()).toEqual([{ key }]));
  expect(parts.vectors.manifest?.generation).toBe(1);

  system.startWorkers();
  await eventually(() => {
    follower.poke();
    expect(parts.vectors.manifest?.generation).toBeGreaterThan(2);
  });
  expect(await complaints()).toHaveLength(1);
  expect(await search(parts, 'brass compass')).toEqual(['brass compass']);
  await follower.stop();
});
