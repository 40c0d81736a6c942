import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ArtifactStore } from '../artifacts/store.ts';
import { RetryableError } from '../errors.ts';
import { threadFile } from '../thread.ts';
import type { BuildReply, BuildRequest } from './build-thread.ts';
import type { Shard, StoredFile } from './manifest.ts';

/** What a shard is made of. Rows of 16, 4 and `4 × dim` bytes. */
export interface ShardRows {
  ids: Uint8Array;
  numbers: Uint32Array;
  vectors: Float32Array;
  dim: number;
  /** Of how many shards this is one; by it is chosen how thoroughly the shard is searched. 1 when left out. */
  ofShards?: number;
}

export interface ShardBuilder {
  /**
   * Build the files of a shard in a thread of its own and store them under `<prefix>.faiss`, `.npy`, `.ids.npy` and
   * `.numbers.npy`. The rows are taken over: their memory is gone for the caller. The same rows make the same files.
   */
  build(prefix: string, rows: ShardRows): Promise<Shard>;
  close(): Promise<void>;
}

/** The memory under an array, to be handed over; of an array that is part of a larger one, a copy. */
const memoryOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): ArrayBuffer =>
  buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    ? buffer
    : new Uint8Array(buffer, byteOffset, byteLength).slice().buffer;

const suffixes = { faiss: '.faiss', npy: '.npy', ids: '.ids.npy', numbers: '.numbers.npy' } as const;

/** So few rows take no training and a blink. */
const smallRows = 10_000;

/** A thread that builds one shard at a time: two would fight for the cores and for memory. */
class BuildLane {
  readonly #store: ArtifactStore;
  #thread: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: ArtifactStore) {
    this.#store = store;
  }

  build(prefix: string, rows: ShardRows): Promise<Shard> {
    const built = this.#last.then(() => this.#build(prefix, rows));
    this.#last = built.catch(() => {});
    return built;
  }

  async #build(prefix: string, rows: ShardRows): Promise<Shard> {
    const folder = await this.#store.draftFolder();
    try {
      const { files, about } = await this.#ask(folder, rows);
      const stored = {} as Record<keyof typeof suffixes, StoredFile>;
      for (const [name, suffix] of Object.entries(suffixes) as [keyof typeof suffixes, string][]) {
        const key = prefix + suffix;
        await this.#store.put(key, { file: join(folder, name) });
        stored[name] = { key, ...files[name] };
      }
      return { ...stored, ...about };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #ask(folder: string, { dim, ofShards = 1, ...rows }: ShardRows) {
    const thread = this.#running();
    const memory = {
      ids: memoryOf(rows.ids),
      numbers: memoryOf(rows.numbers),
      vectors: memoryOf(rows.vectors),
    };
    const done = new AbortController();
    const answer = once(thread, 'message', { signal: done.signal });
    const death = once(thread, 'exit', { signal: done.signal });
    thread.postMessage({ folder, dim, ofShards, ...memory } satisfies BuildRequest, Object.values(memory));
    try {
      const [reply] = (await Promise.race([answer, death])) as [BuildReply | number];
      if (typeof reply === 'number') throw new RetryableError('the thread that builds shards ended early');
      if ('error' in reply) throw reply.error;
      return reply;
    } finally {
      // Whichever did not come is no longer waited for.
      void Promise.allSettled([answer, death]);
      done.abort();
    }
  }

  #running(): Worker {
    if (this.#thread) return this.#thread;
    const thread = new Worker(threadFile('src/vectors/build-thread.ts'));
    thread.once('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    // Out of memory, for instance; whoever waits is told by `once`, which rejects with it.
    thread.on('error', () => {});
    this.#thread = thread;
    return thread;
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
    await this.#last;
  }
}

/** Small shards have a thread of their own: what was edited now does not wait for a large shard. Threads start with their first build. */
export const createShardBuilder = (store: ArtifactStore): ShardBuilder => {
  const small = new BuildLane(store);
  const large = new BuildLane(store);
  return {
    build: (prefix, rows) => (rows.numbers.length <= smallRows ? small : large).build(prefix, rows),
    async close() {
      await Promise.all([small.close(), large.close()]);
    },
  };
};
