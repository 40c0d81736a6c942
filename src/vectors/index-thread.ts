import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { closeIndex, type LoadedIndex, loadIndex, searchIndex, vectorsOf } from './loaded-index.ts';
import { Refusal } from './loaded-shard.ts';
import type { Manifest } from './manifest.ts';

/** What can be asked of the thread. `index` tells the process's indexes apart: all live in its one thread. */
export type IndexRequest = { call: number; index: number } & (
  | { op: 'open'; manifest: Manifest; paths: Map<string, string> }
  | { op: 'search'; model: string; queries: Float32Array; k: number; allowed: Uint8Array | undefined }
  | { op: 'vectors'; numbers: Uint32Array }
  | { op: 'close' }
);

export type IndexReply = { call: number } & (
  | { value: unknown }
  | { refused: { key: string; why: string } }
  | { error: Error }
);

const indexes = new Map<number, LoadedIndex>();

// V8 sees a small object where FAISS has a hundred megabytes, so it is asked to look for unused ones.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const replaceIndex = (index: number, next: LoadedIndex | undefined): void => {
  const before = indexes.get(index);
  if (next) indexes.set(index, next);
  else indexes.delete(index);
  if (before) closeIndex(before, next);
};

const loaded = (index: number): LoadedIndex => {
  const found = indexes.get(index);
  if (!found) throw new Error('no index is loaded');
  return found;
};

const answer = async (request: IndexRequest): Promise<unknown> => {
  switch (request.op) {
    case 'open': {
      const path = (key: string) => request.paths.get(key) as string;
      const next = await loadIndex(request.manifest, path, indexes.get(request.index));
      replaceIndex(request.index, next);
      setImmediate(collectGarbage);
      return undefined;
    }
    case 'search': {
      const index = loaded(request.index);
      return index.model === request.model
        ? searchIndex(index, request.queries, request.k, request.allowed)
        : undefined;
    }
    case 'vectors':
      return vectorsOf(loaded(request.index), request.numbers);
    case 'close':
      replaceIndex(request.index, undefined);
      setImmediate(collectGarbage);
      return undefined;
  }
};

const failure = (error: unknown) => {
  if (error instanceof Refusal) return { refused: { key: error.key, why: error.why } };
  return { error: error instanceof Error ? error : new Error(String(error)) };
};

parentPort?.on('message', (request: IndexRequest) => {
  void answer(request)
    .then((value) => ({ value }), failure)
    .then((reply) => {
      // Vectors are megabytes and nobody's here any more: handed over, not copied.
      const own = 'value' in reply && reply.value instanceof Float32Array ? [reply.value.buffer] : [];
      parentPort?.postMessage({ call: request.call, ...reply }, own as ArrayBuffer[]);
    });
});
