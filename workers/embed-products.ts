import type { embedProducts } from '../jobs/embed-products.ts';
import { wakePublishIndex } from '../jobs/publish-index.ts';
import { clearDirty } from '../src/db/dirty-keys.ts';
import { listStaleTexts, markUnembedded } from '../src/db/product-vectors.ts';
import { embedProductTexts, wantedEmbedders } from '../src/indexing/embed-texts.ts';
import type { Context, Handler, Run } from '../src/queue/handler.ts';

/** What a batch should take: an edit waits for the batch under way, then for its own. */
const batchMs = 500;
const batchSizes = { least: 40, most: 640 };
/** Products marked at once that have no vector by a model that is new here. */
const markLimit = 50_000;
/** While more is to come a publication may wait for some of it, rather than follow every batch. */
const publishDelayMs = { soon: 50, amidst: 1_000 };

let running = false;
let size = batchSizes.least;
let warned = false;
/** Models that every product is known to have a vector of, but for those that are marked. */
const complete = new WeakMap<Context['db'], Set<string>>();

const completeIn = (db: Context['db']): Set<string> => {
  const known = complete.get(db) ?? new Set();
  complete.set(db, known);
  return known;
};

/** One batch; false when there is nothing left to do. */
const embedBatch = async (context: Context, { log }: Run): Promise<boolean> => {
  const { db, producer } = context;
  const embedders = await wantedEmbedders(context);
  if (!embedders) {
    if (!warned) log.warn({ msg: 'products wait for a worker that has the model of the index being served' });
    warned = true;
    return false;
  }
  const stale = await listStaleTexts(db, size);
  if (stale.length === 0) {
    const [{ model }] = embedders;
    if (completeIn(db).has(model)) return false;
    const marked = await markUnembedded(db, model, markLimit);
    if (marked === 0) completeIn(db).add(model);
    else log.info({ model, products: marked, msg: 'embedding products that have no vector by this model' });
    return marked > 0;
  }

  const began = performance.now();
  const ids = stale.map(({ key }) => key);
  let stored = 0;
  for (const embedder of embedders) stored += await embedProductTexts(context, embedder, ids);
  await clearDirty(
    db,
    stale.flatMap(({ seen }) => seen),
  );
  const delayMs = publishDelayMs[stale.length <= size / 5 ? 'soon' : 'amidst'];
  if (stored > 0) await wakePublishIndex(producer, { delayMs });

  const took = performance.now() - began;
  if (took > batchMs) size = Math.max(Math.floor(size / 2), batchSizes.least);
  else if (took < batchMs / 3 && stale.length >= size / 2) size = Math.min(size * 2, batchSizes.most);
  return true;
};

/** One run at a time in a process: further ones would only do the same. */
export const handleEmbedProducts: Handler<typeof embedProducts> = async (_, context, run) => {
  if (running) return;
  running = true;
  try {
    while (!run.signal.aborted && (await embedBatch(context, run))) {
      // Until nothing is stale.
    }
  } finally {
    running = false;
  }
};
