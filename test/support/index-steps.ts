import { readFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import { buildShard } from '../../jobs/build-shard.ts';
import { embedProducts } from '../../jobs/embed-products.ts';
import { publishIndex } from '../../jobs/publish-index.ts';
import { upsertProducts } from '../../jobs/upsert-products.ts';
import { findServingIndex } from '../../src/db/vector-indexes.ts';
import type { Embedder, Embedders } from '../../src/embeddings/embedder.ts';
import { fallbackModel } from '../../src/embeddings/fallback-model.ts';
import type { Parts } from '../../src/parts.ts';
import { keysOf } from '../../src/vectors/manifest-keys.ts';
import { npyRows } from '../../src/vectors/npy-rows.ts';
import { handleBuildShard } from '../../workers/build-shard.ts';
import { handleEmbedProducts } from '../../workers/embed-products.ts';
import { handlePublishIndex } from '../../workers/publish-index.ts';
import { handleUpsertProducts } from '../../workers/upsert-products.ts';
import { performJob } from './perform-job.ts';

export const goods = [
  'red wool scarf',
  'steel kitchen knife',
  'usb charging cable',
  'garden hose',
  'novel about the sea',
];

export const event = (fields: Record<string, unknown>) => ({
  event_id: uuidv7(),
  received_at: new Date().toISOString(),
  ...fields,
});

/** Put products, as events; answers their ids. */
export const putProducts = async (parts: Parts, count: number, fields: Record<string, unknown> = {}) => {
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

export const change = (parts: Parts, product_id: string, fields: Record<string, unknown>) =>
  performJob(
    upsertProducts,
    handleUpsertProducts,
    { events: [event({ op: 'patch', product_id, ...fields })] },
    parts,
  );

export const embed = (parts: Parts) => performJob(embedProducts, handleEmbedProducts, {}, parts);
export const publish = (parts: Parts, options = {}) =>
  performJob(publishIndex, handlePublishIndex, options, parts);
export const build = (parts: Parts, model = fallbackModel) =>
  performJob(buildShard, handleBuildShard, { model, shards: 1, shard: 0 }, parts);

export const servingOf = async ({ db }: Parts) => {
  const serving = await findServingIndex(db);
  if (!serving) throw new Error('nothing is served');
  return serving;
};

export const countVectors = async ({ db }: Parts, model = fallbackModel) =>
  (await db<{ n: number }>`select count(*)::integer as n from product_vectors where model = ${model}`)[0]?.n;

export const countMarks = async ({ db }: Parts, kind: string) =>
  (await db<{ n: number }>`select count(*)::integer as n from dirty_keys where kind = ${kind}`)[0]?.n;

/** What the nearest products to a text are called. */
export const search = async (parts: Parts, text: string, k = 1): Promise<string[]> => {
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
export const expectMetaTrue = async (parts: Parts) => {
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
export const otherModel = (embedders: Embedders): { embedders: Embedders; model: string } => {
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
