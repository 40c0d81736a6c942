import { join } from 'node:path';
import { createArtifactStore } from '../../src/artifacts/store.ts';
import { createEmbedders } from '../../src/embeddings/embedders.ts';
import { fallbackModel } from '../../src/embeddings/fallback-model.ts';
import { createLog } from '../../src/log.ts';
import type { Manifest } from '../../src/vectors/manifest.ts';
import { createClient } from '../support/client.ts';
import { createIndexJudge } from '../support/judge-index.ts';
import type { Stage } from './scenario.ts';

/**
 * What is derived against PostgreSQL: every product has its vector, the newest index holds exactly those and each file of
 * it is whole, and no list names a product that is not there or not to be had.
 */
export const judgeServing = async (stage: Stage): Promise<void> => {
  const { rig, judge, until, expect, patience, shop, random } = stage;
  const { db } = judge;
  const settings = {
    ARTIFACTS_DIR: join(rig.system.dir, 'artifacts'),
    AWS_REGION: 'none',
    EMBEDDER: 'fallback',
  } as const;
  const log = createLog('faults', 'silent');
  const store = createArtifactStore(settings, log);
  const embedder = await createEmbedders(settings, log, () => {}).named(fallbackModel);
  const newest = async () =>
    (
      await db<{ manifest: Manifest }>`
        select manifest from index_generations where model = ${fallbackModel} order by generation desc limit 1`
    )[0]?.manifest;
  const vectors = async () =>
    new Map(
      (
        await db<{ id: string; vector: Uint8Array }>`
          select product_id as id, vector from product_vectors where model = ${fallbackModel}`
      ).map(({ id, vector }) => [id, Buffer.from(vector)]),
    );
  let faults: string[] = ['there is no index'];
  await until(
    'the index is what the tables say',
    async () => {
      const manifest = await newest();
      if (!manifest) return false;
      // A judge of its own each time: it also watches that nothing goes back, which rows deleted by tests would.
      const { rows, faults: found } = await createIndexJudge({ store, embedder }).judge(manifest);
      const wanted = await vectors();
      faults = [
        ...found,
        ...[...wanted].flatMap(([id, vector]) =>
          rows.get(id)?.vector.equals(vector) ? [] : [`${id} has another vector than the tables, or none`],
        ),
        ...[...rows.keys()].filter((id) => !wanted.has(id)).map((id) => `${id} is not in the tables`),
      ];
      const unembedded = await db`
        select from products p where available and not exists (
          select from product_vectors v where v.product_id = p.product_id and v.model = ${fallbackModel}) limit 1`;
      return faults.length === 0 && unembedded.length === 0;
    },
    patience * 60_000,
  );
  for (const fault of faults.slice(0, 3)) expect(false, fault);

  const call = createClient(random.pick(rig.urls()), rig.system.keys.read);
  const hidden = new Set(
    (await db<{ id: string }>`select product_id as id from products where not available`).map(({ id }) => id),
  );
  const known = new Set(
    (await db<{ id: string }>`select product_id as id from products`).map(({ id }) => id),
  );
  const paths = [
    ...shop.buyers.slice(0, 5).map((id) => `/v1/users/${id}/recommendations?k=20`),
    '/v1/popular?k=50',
    '/v1/search?q=Thing&k=20',
    ...shop.products.slice(0, 3).map((id) => `/v1/products/${id}/similar?k=10`),
  ];
  for (const path of paths) {
    const { status, json } = await call.get(path);
    const items: { product_id: string }[] = json?.items ?? [];
    expect(status === 200, `${path}: ${status}`);
    const wrong = items.filter(({ product_id }) => hidden.has(product_id) || !known.has(product_id));
    expect(wrong.length === 0, `${path} serves ${wrong.map(({ product_id }) => product_id).join(', ')}`);
  }
};
