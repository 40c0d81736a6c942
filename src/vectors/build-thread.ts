import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { flatFile, ivfFile } from './faiss-file.ts';
import { type WrittenFile, writeHashedFile } from './hashed-file.ts';
import { recallAtFor, trainLists } from './ivf.ts';
import type { Shard } from './manifest.ts';
import { createNearestSearch, type NearestSearch } from './nearest.ts';
import { npyHeader, uuidTexts } from './npy.ts';

/** Up to here one exact search takes less than 3 ms, and is no slower than looking into lists would be worth. */
export const flatUpTo = 10_000;

/** The arrays of `ShardRows` as the memory under them, which is handed over. */
export interface BuildRequest {
  folder: string;
  ids: ArrayBuffer;
  numbers: ArrayBuffer;
  vectors: ArrayBuffer;
  dim: number;
  ofShards: number;
}

export const shardFiles = ['faiss', 'npy', 'ids', 'numbers'] as const;

export type BuildReply =
  | {
      files: Record<(typeof shardFiles)[number], WrittenFile>;
      about: Omit<Shard, (typeof shardFiles)[number]>;
    }
  | { error: Error };

let search: Promise<NearestSearch> | undefined;

const build = async ({ folder, dim, ofShards, ...memory }: BuildRequest): Promise<BuildReply> => {
  const vectors = new Float32Array(memory.vectors);
  const numbers = new Uint32Array(memory.numbers);
  const count = numbers.length;
  const write = (name: string, pieces: Iterable<ArrayBufferView>) =>
    writeHashedFile(join(folder, name), pieces);
  const besides = {
    npy: write('npy', [npyHeader('<f4', [count, dim]), vectors]),
    ids: write('ids', [npyHeader('|S36', [count]), uuidTexts(new Uint8Array(memory.ids))]),
    numbers: write('numbers', [npyHeader('<u4', [count]), numbers]),
  };
  if (count <= flatUpTo) {
    return {
      files: { ...besides, faiss: write('faiss', flatFile(dim, vectors)) },
      about: { count, type: 'flat', recall: 1 },
    };
  }
  search ??= createNearestSearch();
  const ivf = await trainLists(await search, { vectors, dim, recallAt: recallAtFor(ofShards) });
  const lists = ivf.centroids.length / dim;
  return {
    files: { ...besides, faiss: write('faiss', ivfFile(dim, vectors, ivf)) },
    about: { count, type: 'ivf', lists, probes: ivf.probes, recall: ivf.recall },
  };
};

parentPort?.on('message', (request: BuildRequest) => {
  void build(request)
    .catch((error: unknown) => ({ error: error instanceof Error ? error : new Error(String(error)) }))
    .then((reply) => parentPort?.postMessage(reply));
});
