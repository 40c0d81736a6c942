import { v7 as uuidv7 } from 'uuid';
import { buildShard } from '../../jobs/build-shard.ts';
import { refreshSimilar } from '../../jobs/refresh-similar.ts';
import { countProducts } from '../db/product-vectors.ts';
import {
  countChanges,
  findIndexState,
  findServingIndex,
  type IndexState,
  listChanges,
  markAnnounced,
  publishGeneration,
} from '../db/vector-indexes.ts';
import { wake } from '../queue/follow-ups.ts';
import type { Context, Run } from '../queue/handler.ts';
import { announceIndex } from '../serving/changes.ts';
import type { Manifest } from '../vectors/manifest.ts';
import { describeIndex } from './describe-index.ts';
import {
  deltaLimit,
  type Layout,
  layoutOf,
  takesOver,
  usableDrafts,
  wantedShards,
  worthBuilding,
} from './index-plan.ts';
import { gatherProducts } from './shard-rows.ts';

export interface PublishOptions {
  /** Build every base shard that has changes, however few. */
  fold?: boolean | undefined;
  /** Publish although nothing changed. */
  anew?: boolean | undefined;
}

/** `published`: also when another did. `nothing`: there is nothing new. `later`: base shards have to be built first. */
type Outcome = 'published' | 'nothing' | 'later';

/** What the next generation consists of, its delta built and stored; undefined where the delta would be too large. */
const compose = async (
  { db, shards: builder }: Context,
  { model, dim, generation, manifest, covers, seen }: IndexState,
  layout: Layout,
): Promise<{ manifest: Manifest; covers: number; seen: number[] } | undefined> => {
  const drafts = layout.drafts.map(({ draft_id }) => draft_id);
  const changes = await listChanges(db, { model, drafts, limit: deltaLimit + 1 });
  if (changes.ids.length > deltaLimit) return undefined;
  const rows = await gatherProducts(db, { model, dim, ids: changes.ids });
  const delta =
    rows.numbers.length === 0 ? null : await builder.build(`index/${model}/delta-${uuidv7()}`, rows);

  const kept = manifest?.shards.length === layout.shards ? manifest.shards : [];
  const keptSeen = manifest?.shards.length === layout.shards ? seen : [];
  const draftOf = new Map(layout.drafts.map((draft) => [draft.shard, draft]));
  const places = Array.from({ length: layout.shards }, (_, shard) => shard);
  return {
    // No changes are left once base shards hold them all: what was covered still is.
    covers: Math.max(covers, ...seen, changes.covers),
    seen: places.map((shard) => draftOf.get(shard)?.seen ?? keptSeen[shard] ?? 0),
    manifest: {
      format: 1,
      generation: generation + 1,
      model,
      dim,
      created_at: new Date().toISOString(),
      shards: places.map((shard) => {
        const draft = draftOf.get(shard);
        return draft ? draft.files : (kept[shard] ?? null);
      }),
      delta,
      count: changes.vectors,
    },
  };
};

const publishOnce = async (context: Context, state: IndexState, anew: boolean): Promise<Outcome | 'lost'> => {
  const { db } = context;
  const { model, generation, manifest, newest } = state;
  if (!state.serving) {
    if (!takesOver(model, state.serving_model)) return 'nothing';
    // A model that takes over brings everything at once; the first one of all starts with what there is.
    if (state.serving_model !== null && state.vectors < (await countProducts(db))) return 'nothing';
  }
  const layout = layoutOf(state);
  const current = state.serving && manifest?.shards.length === layout.shards;
  if (current && layout.drafts.length === 0 && newest <= state.covers && !anew) return 'nothing';

  const next = await compose(context, state, layout);
  if (!next) return 'later';
  const drafts = layout.drafts.map(({ draft_id }) => draft_id);
  const published = await publishGeneration(db, { model, was: generation, ...next, drafts });
  return published ? 'published' : 'lost';
};

/** Ask for the base shards that are worth building, where no draft of them waits. */
const askForShards = async ({ db, producer }: Context, model: string, fold: boolean): Promise<void> => {
  const state = await findIndexState(db, model);
  if (!state || (!state.serving && !takesOver(model, state.serving_model))) return;
  const shards = wantedShards(state);
  const divided = state.manifest?.shards.length === shards;
  const there = new Set(usableDrafts(state, shards).map(({ shard }) => shard));
  const changes = new Map((await countChanges(db, model, shards)).map((row) => [row.shard, row.changes]));
  for (let shard = 0; shard < shards; shard += 1) {
    if (there.has(shard)) continue;
    const changed = changes.get(shard) ?? 0;
    const base = state.manifest?.shards[shard];
    const wanted = divided
      ? changed > (fold || !base ? 0 : worthBuilding(base.count))
      : state.manifest !== null || changed > 0;
    if (wanted) await producer.enqueue(buildShard, { model, shards, shard });
  }
};

const store = ({ artifacts }: Context, key: string, manifest: Manifest) =>
  artifacts.put(key, { bytes: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) });

/**
 * Tell everybody of the current generation: for readers outside as files, for our own by the change stream. Of two that do
 * so at once, the older one finds itself overtaken and tells the newer one again.
 */
const announce = async (context: Context): Promise<void> => {
  for (;;) {
    const serving = await findServingIndex(context.db);
    if (!serving) return;
    const { model, generation, manifest } = serving;
    await store(context, `index/${model}/generation-${generation}.json`, manifest);
    await store(context, 'index/current.json', manifest);
    await announceIndex(context.cache, context.config.REDIS_PREFIX, { model, generation });
    if (await markAnnounced(context.db, model, generation)) return;
  }
};

/**
 * Bring the index of a model up to date with its vectors and with the base shards that are built: compose the next
 * generation beside the current one and move the pointer, which PostgreSQL does whole or not at all. A crash leaves files
 * that nothing points to. The files' checksums are those of what was written; readers compare them before they load.
 */
export const publishModel = async (
  context: Context,
  model: string,
  { signal, log }: Pick<Run, 'signal' | 'log'>,
  { fold = false, anew = false }: PublishOptions = {},
): Promise<void> => {
  let forced = anew;
  while (!signal.aborted) {
    const state = await findIndexState(context.db, model);
    if (!state || state.vectors === 0) return;
    const outcome = await publishOnce(context, state, forced);
    if (outcome === 'lost') continue;
    if (outcome === 'published') {
      forced = false;
      log.debug({ model, generation: state.generation + 1, msg: 'published the index' });
    }
    if (outcome === 'published' || (state.serving && state.announced < state.generation)) {
      await announce(context);
      // At once: under constant edits this goes on and on. Lost, it is made good by the sweep.
      await wake(context.producer, refreshSimilar);
    }
    await askForShards(context, model, fold);
    // What lies where is many rows: newer vectors do not wait for them to be written.
    const settled = await describeIndex(context, model, signal);
    if (outcome !== 'published' && settled) return;
    if (outcome === 'later') return;
  }
};
