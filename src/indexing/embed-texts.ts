import { embedProducts } from '../../jobs/embed-products.ts';
import { anyDirty } from '../db/dirty-keys.ts';
import { listUnembedded, storeVectors } from '../db/product-vectors.ts';
import { findServingGeneration } from '../db/vector-indexes.ts';
import type { Embedder } from '../embeddings/embedder.ts';
import { fallbackModel } from '../embeddings/fallback-model.ts';
import { wake } from '../queue/follow-ups.ts';
import type { Context } from '../queue/handler.ts';
import { bucketOf } from './index-plan.ts';

type Parts = Pick<Context, 'db' | 'embedders'>;

/**
 * The embedders whose vectors are wanted: the best, and while another model is still being served that one as well, so that
 * edits are found during the change. Undefined where this machine has only the fallback and a better one is served: its
 * vectors would be of no use to anybody.
 */
export const wantedEmbedders = async ({
  db,
  embedders,
}: Parts): Promise<[Embedder, ...Embedder[]] | undefined> => {
  const best = await embedders.best();
  const serving = await findServingGeneration(db);
  if (!serving || serving.model === best.model) return [best];
  if (best.model === fallbackModel) return undefined;
  if (serving.model !== fallbackModel) return [best];
  return [best, await embedders.named(serving.model)];
};

/** Bring the vectors of these products up to date, or make them anew with `anyway`; how many were stored. */
export const embedProductTexts = async (
  { db }: Parts,
  embedder: Embedder,
  ids: readonly string[],
  { anyway = false } = {},
): Promise<number> => {
  const { model, dim } = embedder;
  const texts = await listUnembedded(db, { ids, model, anyway });
  if (texts.length === 0) return 0;
  const vectors = await embedder.embed(texts.map(({ body }) => body));
  const buckets = texts.map(({ product_id }) => bucketOf(product_id));
  return storeVectors(db, { model, dim, texts, buckets, vectors });
};

/** Have texts that changed embedded; where none did, nothing is asked for. */
export const wakeEmbedding = async ({ db, producer }: Pick<Context, 'db' | 'producer'>): Promise<void> => {
  // That it may be lost is fine: the sweep asks again.
  if (await anyDirty(db, 'embedding')) wake(producer, embedProducts).catch(() => {});
};
