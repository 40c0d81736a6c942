import { wakePublishIndex } from '../jobs/publish-index.ts';
import type { RebuildTargetName } from '../jobs/run-rebuild.ts';
import { countProducts, listProductIds } from './db/product-vectors.ts';
import type { RebuildStep } from './db/rebuilds.ts';
import { countUsersAbout } from './db/signals.ts';
import { findIndexState, findServingGeneration } from './db/vector-indexes.ts';
import { RetryableError } from './errors.ts';
import { buildShardDraft } from './indexing/build-shard.ts';
import { embedProductTexts, wantedEmbedders } from './indexing/embed-texts.ts';
import { wantedShards } from './indexing/index-plan.ts';
import { publishModel } from './indexing/publish-index.ts';
import type { Context, Run } from './queue/handler.ts';
import { refreshEveryList } from './serving/every-list.ts';
import { trainModel } from './training/train-model.ts';

/** Note how far it is and where to go on; @throws when this job is not to go on. */
export type Advance = (progress: Pick<RebuildStep, 'done' | 'total' | 'position'>) => Promise<void>;

/**
 * Makes something anew from the beginning, or goes on where `step` says it was left: `advance` is called after each piece
 * of work, which may be done twice when the process dies before.
 */
type Rebuilder = (step: RebuildStep, advance: Advance, context: Context, run: Run) => Promise<void>;

/** Texts embedded at once: an edit waits for them. */
const batchTexts = 64;

/** Embed every product again, whatever its hash says. */
const rebuildEmbeddings: Rebuilder = async (step, advance, context) => {
  const { db, producer } = context;
  let { done, position } = step;
  for (;;) {
    const ids = (await listProductIds(db, position, batchTexts)).map(({ product_id }) => product_id);
    if (ids.length === 0) return;
    const embedders = await wantedEmbedders(context);
    if (!embedders) throw new Error('this machine does not have the model of the index being served');
    await embedProductTexts(context, embedders[0], ids, { anyway: true });
    done += ids.length;
    position = ids.at(-1) ?? null;
    await advance({ done, total: Math.max(done, await countProducts(db)), position });
    await wakePublishIndex(producer, { delayMs: 1_000 });
  }
};

/** Build every base shard of the served index again and publish them. */
const rebuildIndex: Rebuilder = async (step, advance, context, run) => {
  const { db } = context;
  const serving = await findServingGeneration(db);
  const state = serving && (await findIndexState(db, serving.model));
  if (!state) return;
  const { model } = state;
  const shards = wantedShards(state);
  // Whoever began with another division begins again.
  const [division, next] = (step.position ?? '').split(':').map(Number);
  for (let shard = division === shards ? (next ?? 0) : 0; shard < shards; shard += 1) {
    await advance({ done: shard, total: shards, position: `${shards}:${shard}` });
    await buildShardDraft(context, { model, shards, shard });
    await advance({ done: shard + 1, total: shards, position: `${shards}:${shard + 1}` });
  }
  await publishModel(context, model, run, { anew: true });
};

/** Train anew, instead of a training that is under way. */
const rebuildModel: Rebuilder = async (_, advance, context, run) => {
  const onProgress = (done: number) => advance({ done: Math.floor(100 * done), total: 100, position: null });
  // Sent away by whoever asks for a model once more: begun again, with what is known by now.
  while ((await trainModel(context, run, { force: true, onProgress })).outcome === 'left') {
    if (run.signal.aborted)
      throw new RetryableError('the training was stopped; it begins again with the next try');
  }
  await advance({ done: 100, total: 100, position: null });
};

/** Make every user's list anew. */
const rebuildRecommendations: Rebuilder = async (step, advance, context) => {
  let { done } = step;
  await refreshEveryList(context, step.position, async (users, last) => {
    done += users;
    await advance({ done, total: Math.max(done, await countUsersAbout(context.db)), position: last });
  });
  await advance({ done, total: done, position: step.position });
};

/** How each is made anew. */
export const rebuilders: Record<RebuildTargetName, Rebuilder> = {
  embeddings: rebuildEmbeddings,
  index: rebuildIndex,
  model: rebuildModel,
  recommendations: rebuildRecommendations,
};
