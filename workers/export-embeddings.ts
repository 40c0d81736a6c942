import type { exportEmbeddings } from '../jobs/export-embeddings.ts';
import { findServingGeneration, findServingIndex, markExported } from '../src/db/vector-indexes.ts';
import { exportIndex } from '../src/indexing/export-embeddings.ts';
import type { Handler } from '../src/queue/handler.ts';

/** From so many products on the file is written nightly only. */
const smallCount = 50_000;

export const handleExportEmbeddings: Handler<typeof exportEmbeddings> = async (
  { small = false },
  { db, artifacts },
  { log },
) => {
  const current = await findServingGeneration(db);
  if (!current || current.exported >= current.generation) return;
  const serving = await findServingIndex(db);
  if (!serving || (small && serving.manifest.count >= smallCount)) return;
  const rows = await exportIndex(artifacts, serving.manifest);
  await markExported(db, serving.model, serving.generation);
  log.debug({ rows, generation: serving.generation, msg: 'exported the vectors' });
};
