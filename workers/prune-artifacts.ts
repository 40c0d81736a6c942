import type { pruneArtifacts } from '../jobs/prune-artifacts.ts';
import { forgetVectors } from '../src/db/product-vectors.ts';
import {
  deleteIndex,
  listReferences,
  listRetiredModels,
  pruneGenerations,
} from '../src/db/vector-indexes.ts';
import { RetryableError } from '../src/errors.ts';
import type { Handler } from '../src/queue/handler.ts';
import { keysOf } from '../src/vectors/manifest-keys.ts';

/** Somebody may still be loading a generation that was replaced, or building what nothing points to yet. */
const graceSeconds = 900;
/** A draft that was not taken for so long never will be. */
const draftSeconds = 86_400;
const batchRows = 2_000;

export const handlePruneArtifacts: Handler<typeof pruneArtifacts> = async (
  _,
  { db, artifacts },
  { log, signal },
) => {
  for (const { model } of await listRetiredModels(db, graceSeconds)) {
    while ((await forgetVectors(db, model, batchRows)) > 0) {
      if (signal.aborted) throw new RetryableError('pruning was stopped; it goes on with the next try');
    }
    await deleteIndex(db, model);
    log.info({ model, msg: 'forgot the vectors of a model that was replaced' });
  }

  await pruneGenerations(db, { replacedSeconds: graceSeconds, draftSeconds });
  // Listed before asking what is needed: what is built meanwhile is not in the list.
  const stored = await artifacts.list('index/');
  const needed = new Set(['index/current.json']);
  for (const { model, generation, manifest, files } of await listReferences(db)) {
    if (generation !== null) needed.add(`index/${model}/generation-${generation}.json`);
    for (const key of keysOf(manifest, files)) needed.add(key);
  }
  const cutoff = Date.now() - graceSeconds * 1_000;
  let removed = 0;
  for (const { key, modifiedAt } of stored) {
    if (needed.has(key) || modifiedAt.getTime() > cutoff) continue;
    await artifacts.remove(key);
    removed += 1;
  }
  await artifacts.pruneLocal((key) => needed.has(key));
  if (removed > 0) log.info({ files: removed, msg: 'removed files that nothing points to' });
};
