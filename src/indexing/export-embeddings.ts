import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Manifest, Shard } from '../vectors/manifest.ts';
import { npyHeader } from '../vectors/npy.ts';
import { npyRows, npyStart } from '../vectors/npy-rows.ts';

const idLength = 36;
/** Rows held in memory at once. */
const batchRows = 4_096;

const numbersOf = async (store: ArtifactStore, shard: Shard): Promise<Uint32Array> => {
  const rows = npyRows(await readFile(await store.file(shard.numbers.key)));
  return new Uint32Array(rows.buffer.slice(rows.byteOffset, rows.byteOffset + shard.count * 4));
};

/** Copy the wanted rows of a shard to the end of both files. */
const appendShard = async (
  store: ArtifactStore,
  { shard, dim, wanted }: { shard: Shard; dim: number; wanted: (row: number) => boolean },
  { vectors, ids }: { vectors: FileHandle; ids: FileHandle },
): Promise<void> => {
  const texts = npyRows(await readFile(await store.file(shard.ids.key)));
  const source = await open(await store.file(shard.npy.key), 'r');
  try {
    const beginning = Buffer.alloc(10);
    await source.read(beginning, 0, 10, 0);
    const start = npyStart(beginning);
    const bytes = dim * 4;
    const batch = Buffer.alloc(batchRows * bytes);
    for (let first = 0; first < shard.count; first += batchRows) {
      const rows = Math.min(batchRows, shard.count - first);
      const { bytesRead } = await source.read(batch, 0, rows * bytes, start + first * bytes);
      if (bytesRead !== rows * bytes) throw new Error(`${shard.npy.key} ends early`);
      // Wanted rows move up to where the unwanted ones were.
      let kept = 0;
      const names: Buffer[] = [];
      for (let row = 0; row < rows; row += 1) {
        if (!wanted(first + row)) continue;
        if (kept !== row) batch.copyWithin(kept * bytes, row * bytes, (row + 1) * bytes);
        kept += 1;
        names.push(texts.subarray((first + row) * idLength, (first + row + 1) * idLength));
      }
      await vectors.writeFile(batch.subarray(0, kept * bytes));
      await ids.writeFile(Buffer.concat(names));
    }
  } finally {
    await source.close();
  }
};

/**
 * Write all vectors of a generation into one file, `product_embeddings.npy`, in the manifest's order (base shards, then the
 * delta; each product once), and the products' ids beside it. Streams: memory does not grow with the index.
 */
export const exportIndex = async (
  store: ArtifactStore,
  { shards, delta, dim }: Manifest,
): Promise<number> => {
  const newer = new Set(delta ? await numbersOf(store, delta) : []);
  const parts: { shard: Shard; dim: number; wanted: (row: number) => boolean; rows: number }[] = [];
  for (const shard of shards) {
    if (!shard) continue;
    const numbers = await numbersOf(store, shard);
    const wanted = (row: number) => !newer.has(numbers[row] as number);
    parts.push({ shard, dim, wanted, rows: numbers.filter((_, row) => wanted(row)).length });
  }
  if (delta) parts.push({ shard: delta, dim, wanted: () => true, rows: delta.count });
  const count = parts.reduce((sum, { rows }) => sum + rows, 0);

  const folder = await store.draftFolder();
  try {
    const files = { vectors: join(folder, 'vectors.npy'), ids: join(folder, 'ids.npy') };
    const vectors = await open(files.vectors, 'w');
    const ids = await open(files.ids, 'w');
    try {
      await vectors.writeFile(npyHeader('<f4', [count, dim]));
      await ids.writeFile(npyHeader('|S36', [count]));
      for (const part of parts) await appendShard(store, part, { vectors, ids });
    } finally {
      await vectors.close();
      await ids.close();
    }
    await store.put('product_embeddings.npy', { file: files.vectors });
    await store.put('product_embeddings.ids.npy', { file: files.ids });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return count;
};
