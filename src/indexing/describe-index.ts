import { readFile } from 'node:fs/promises';
import { describeVectors, findIndexState } from '../db/vector-indexes.ts';
import type { Context } from '../queue/handler.ts';
import { npyRows } from '../vectors/npy-rows.ts';

/** Rows written by one statement. */
const batchRows = 4_000;
const idLength = 36;

/**
 * Bring `embeddings_meta` up to date with the generation being served: the rows of files that are not in it yet. False when
 * newer vectors came meanwhile, which should be published first; what was written until then stays.
 */
export const describeIndex = async (
  { db, artifacts }: Pick<Context, 'db' | 'artifacts'>,
  model: string,
  signal: AbortSignal,
): Promise<boolean> => {
  const state = await findIndexState(db, model);
  if (!state?.serving || !state.manifest) return true;
  const { generation, manifest, described, dim } = state;
  const deltaFile = manifest.delta?.npy.key ?? null;
  // The delta first: what lies in it is left alone when the base shards follow.
  for (const shard of [manifest.delta, ...manifest.shards]) {
    if (!shard) continue;
    const file = shard.npy.key;
    let first = described[file] ?? 0;
    if (first >= shard.count) continue;
    const texts = npyRows(await readFile(await artifacts.file(shard.ids.key)));
    while (first < shard.count) {
      if (signal.aborted) return true;
      const last = Math.min(first + batchRows, shard.count);
      const ids = Array.from({ length: last - first }, (_, row) =>
        texts.toString('latin1', (first + row) * idLength, (first + row + 1) * idLength),
      );
      if (!(await describeVectors(db, { model, generation, file, deltaFile, first, ids, dim }))) return false;
      first = last;
      if (file === deltaFile) continue;
      const now = await findIndexState(db, model);
      if (now && now.newest > now.covers) return false;
    }
  }
  return true;
};
