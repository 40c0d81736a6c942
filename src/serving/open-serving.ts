import type { Db } from '../db/database.ts';
import { findServingGeneration, findServingIndex } from '../db/vector-indexes.ts';
import type { VectorIndex } from '../vectors/vector-index.ts';

/**
 * Open the generation that is to be served, unless it or a newer one of its model is open.
 * @returns the model of the open index; undefined before the first generation.
 * @throws whatever `VectorIndex.open` throws; what was open stays open.
 */
export const openServing = async (db: Db, vectors: VectorIndex): Promise<string | undefined> => {
  const current = await findServingGeneration(db);
  if (!current) return undefined;
  const held = vectors.manifest;
  if (held?.model === current.model && held.generation >= current.generation) return held.model;
  const serving = await findServingIndex(db);
  if (serving) await vectors.open(serving.manifest);
  return serving?.model;
};
