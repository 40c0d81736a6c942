import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ArtifactStore } from '../../src/artifacts/store.ts';
import type { Db } from '../../src/db/database.ts';
import type { Embedder } from '../../src/embeddings/embedder.ts';
import { bucketOf } from '../../src/indexing/index-plan.ts';
import type { Manifest, Shard, StoredFile } from '../../src/vectors/manifest.ts';
import { npyHeader } from '../../src/vectors/npy.ts';

const idLength = 36;

export interface JudgedRow {
  id: string;
  number: number;
  vector: Buffer;
}

interface Source {
  store: ArtifactStore;
  embedder: Embedder;
  /**
   * Every text a product ever had, oldest first, all different; grows, and before the shop is told. Without it vectors are
   * not compared with texts.
   */
  texts?: ReadonlyMap<string, readonly string[]>;
}

/**
 * Looks at the generations of an index one after another, in their order, byte by byte and with code of its own where that
 * is possible. What is wrong is told as sentences; none means that all is well.
 */
export const createIndexJudge = ({ store, embedder, texts }: Source) => {
  const shardsRead = new Map<string, JudgedRow[]>();
  const idsRead = new Map<string, string[]>();
  /** By product, its vectors and the text each stands for. */
  const revisions = new Map<string, Map<string, number>>();
  const before = new Map<string, { number: number; revision: number }>();

  const readWhole = async ({ key, bytes, sha256 }: StoredFile, faults: string[]): Promise<Buffer> => {
    const content = await readFile(await store.file(key));
    if (content.length !== bytes) faults.push(`${key} has ${content.length} bytes, not ${bytes}`);
    const found = createHash('sha256').update(content).digest('hex');
    if (found !== sha256) faults.push(`${key} has another checksum`);
    return content;
  };

  const readRows = async (shard: Shard, manifest: Manifest, faults: string[]): Promise<JudgedRow[]> => {
    const known = shardsRead.get(shard.npy.sha256 + shard.npy.key);
    if (known) return known;
    const { count, npy, ids, numbers, faiss } = shard;
    const { dim, model } = manifest;
    for (const { key } of [npy, ids, numbers, faiss])
      if (!key.startsWith(`index/${model}/`)) faults.push(`${key} is not of the model ${model}`);
    const values = async (file: StoredFile, header: Buffer) => {
      const content = await readWhole(file, faults);
      if (!content.subarray(0, header.length).equals(header)) faults.push(`${file.key} is no such .npy`);
      return content.subarray(header.length);
    };
    const vectors = await values(npy, npyHeader('<f4', [count, dim]));
    const names = (await values(ids, npyHeader('|S36', [count]))).toString('latin1');
    const ordinals = await values(numbers, npyHeader('<u4', [count]));
    // A flat FAISS file ends in its rows.
    const index = await readWhole(faiss, faults);
    if (shard.type === 'flat' && !index.subarray(-vectors.length).equals(vectors))
      faults.push(`${faiss.key} has other rows than ${npy.key}`);
    if (
      vectors.length !== count * dim * 4 ||
      names.length !== count * idLength ||
      ordinals.length !== count * 4
    )
      faults.push(`${npy.key} and those beside it differ in length`);
    const rows = Array.from({ length: count }, (_, row) => ({
      id: names.slice(row * idLength, (row + 1) * idLength),
      number: ordinals.readUInt32LE(row * 4),
      vector: vectors.subarray(row * dim * 4, (row + 1) * dim * 4),
    }));
    shardsRead.set(npy.sha256 + npy.key, rows);
    return rows;
  };

  /** Which text of its product a vector stands for; undefined when it is none's. */
  const revisionOf = async ({ id, vector }: JudgedRow): Promise<number | undefined> => {
    const known = revisions.get(id) ?? new Map<string, number>();
    revisions.set(id, known);
    const all = texts?.get(id) ?? [];
    if (known.size < all.length) {
      const made = await embedder.embed(all.slice(known.size));
      for (let at = 0; at < made.length; at += embedder.dim)
        known.set(Buffer.from(made.slice(at, at + embedder.dim).buffer).toString('latin1'), known.size);
    }
    return known.get(vector.toString('latin1'));
  };

  return {
    /** Of the next generation: every product's row, and what is wrong. */
    async judge(manifest: Manifest): Promise<{ rows: Map<string, JudgedRow>; faults: string[] }> {
      const faults: string[] = [];
      const rows = new Map<string, JudgedRow>();
      if (manifest.model !== embedder.model || manifest.dim !== embedder.dim)
        faults.push(`it is of the model ${manifest.model}`);
      // The delta first: it masks the others.
      for (const [place, shard] of [manifest.delta, ...manifest.shards].entries()) {
        if (!shard) continue;
        const own = await readRows(shard, manifest, faults);
        if (new Set(own.map(({ id }) => id)).size !== own.length)
          faults.push(`${shard.npy.key} repeats itself`);
        for (const row of own) {
          if (place > 0 && bucketOf(row.id) % manifest.shards.length !== place - 1)
            faults.push(`${row.id} is not of shard ${place - 1}`);
          if (!rows.has(row.id)) rows.set(row.id, row);
        }
      }
      if (rows.size !== manifest.count) faults.push(`it holds ${rows.size} products, not ${manifest.count}`);
      for (const [id, row] of rows) {
        const revision = await revisionOf(row);
        const last = before.get(id);
        if (texts && revision === undefined) faults.push(`the vector of ${id} is of no text it ever had`);
        else if (last && revision !== undefined && revision < last.revision)
          faults.push(`${id} went back to an older text`);
        if (last && last.number !== row.number) faults.push(`${id} has another number`);
        before.set(id, { number: row.number, revision: revision ?? 0 });
      }
      for (const id of before.keys()) if (!rows.has(id)) faults.push(`${id} is lost`);
      return { rows, faults: faults.map((fault) => `generation ${manifest.generation}: ${fault}`) };
    },

    /** Every row of `embeddings_meta` names a row that holds that product. */
    async judgeMeta(db: Db): Promise<string[]> {
      const meta = await db<{ id: string; file: string; row: number }>`
        select object_id as id, embedding_file as file, vector_index as row
        from embeddings_meta where object_type = 'product'`;
      const faults: string[] = [];
      for (const { id, file, row } of meta) {
        let ids = idsRead.get(file);
        if (!ids) {
          const content = await readFile(await store.file(file.replace(/\.npy$/, '.ids.npy')), 'latin1');
          ids = content.slice(10 + content.charCodeAt(8) + 256 * content.charCodeAt(9)).match(/.{36}/g) ?? [];
          idsRead.set(file, ids);
        }
        if (ids[row] !== id)
          faults.push(`embeddings_meta: row ${row} of ${file} is not ${id} but ${ids[row]}`);
      }
      return faults;
    },
  };
};
