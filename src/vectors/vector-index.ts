import { ArtifactMissingError, type ArtifactStore } from '../artifacts/store.ts';
import { RetryableError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { IndexReply } from './index-thread.ts';
import type { PackedHits } from './loaded-index.ts';
import { type Manifest, sameShard, shardsOf } from './manifest.ts';
import { type IndexThread, joinIndexThread } from './shared-thread.ts';

/** Nearest first; scores are inner products, which for unit vectors is the cosine. */
export interface Hits {
  /** Product numbers. */
  numbers: Uint32Array;
  scores: Float32Array;
}

export interface SearchOptions {
  k: number;
  /** A bit per product number; only products whose bit is set are found, and k of them wherever k exist. */
  allowed?: Uint8Array;
  /** The model that made the queries; without it, that of the manifest served when the call is made. */
  model?: string;
}

/** A published generation of the index, loaded in a thread of its own and swapped without a gap. */
export interface VectorIndex {
  /** What is served now; undefined before the first. */
  readonly manifest: Manifest | undefined;
  /**
   * Load a generation and serve it; until then, and when it is refused, the one before it is served. Files that are
   * loaded already are not loaded again.
   * @throws ArtifactRefusedError when a file is corrupt, truncated, of another dim or not what the manifest says.
   * @throws ArtifactMissingError, OutageError from the store.
   */
  open(manifest: Manifest): Promise<void>;
  /**
   * The nearest products to each query (`n × dim` floats, L2-normalised). Fewer than k only where fewer exist.
   * @throws RetryableError when no index is loaded, or one of another model than the queries'.
   */
  search(queries: Float32Array, options: SearchOptions): Promise<Hits[]>;
  /** The vectors of these products, row by row; zeros for those that have none. */
  vectors(numbers: Uint32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A file is not what its manifest says, or no index at all. */
export class ArtifactRefusedError extends Error {
  override name = 'ArtifactRefusedError';
  readonly key: string;
  constructor(key: string, why: string, options?: ErrorOptions) {
    super(`${key} was refused: ${why}`, options);
    this.key = key;
  }
}

/** So many queries go to the thread at once; a single one waits for no more than these. */
const batch = 64;
const longestPauseMs = 30_000;

const unpack = ({ counts, numbers, scores }: PackedHits): Hits[] => {
  let end = 0;
  return Array.from(counts, (count) => {
    end += count;
    return { numbers: numbers.subarray(end - count, end), scores: scores.subarray(end - count, end) };
  });
};

class ThreadedVectorIndex implements VectorIndex {
  readonly #store: ArtifactStore;
  readonly #log: Log;
  readonly #thread: IndexThread;
  #manifest: Manifest | undefined;
  /** The thread ended; until it has loaded the generation again, nothing can be asked. */
  #lost = false;
  #deaths = 0;
  #closed = false;
  #reload: NodeJS.Timeout | undefined;
  #opening: Promise<unknown> = Promise.resolve();

  constructor(store: ArtifactStore, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#thread = joinIndexThread((error) => this.#died(error));
  }

  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  open(manifest: Manifest): Promise<void> {
    const opened = this.#opening.then(() => this.#open(manifest));
    this.#opening = opened.catch(() => {});
    return opened;
  }

  async #open(manifest: Manifest): Promise<void> {
    const loaded = this.#manifest && !this.#lost ? shardsOf(this.#manifest) : [];
    const paths = new Map<string, string>();
    for (const shard of shardsOf(manifest)) {
      if (manifest.dim === this.#manifest?.dim && loaded.some((old) => sameShard(old, shard))) continue;
      for (const { key } of [shard.faiss, shard.npy, shard.numbers])
        paths.set(key, await this.#store.file(key));
    }
    await this.#ask({ op: 'open', manifest, paths });
    this.#manifest = manifest;
    this.#lost = false;
    this.#deaths = 0;
  }

  async search(queries: Float32Array, { k, allowed, model: asked }: SearchOptions): Promise<Hits[]> {
    const { dim, model: served } = this.#served();
    const model = asked ?? served;
    const hits: Hits[] = [];
    for (let start = 0; start < queries.length; start += batch * dim) {
      const some = queries.slice(start, start + batch * dim);
      const found = (await this.#ask({ op: 'search', model, queries: some, k, allowed })) as
        | PackedHits
        | undefined;
      if (!found) throw new RetryableError(`the index served now is not of the model ${model}`);
      hits.push(...unpack(found));
    }
    return hits;
  }

  async vectors(numbers: Uint32Array): Promise<Float32Array> {
    this.#served();
    return (await this.#ask({ op: 'vectors', numbers })) as Float32Array;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reload);
    await this.#thread.leave();
    await this.#opening;
  }

  #served(): Manifest {
    if (!this.#manifest || this.#lost || this.#closed) throw new RetryableError('no index is loaded');
    return this.#manifest;
  }

  async #ask(request: Parameters<IndexThread['ask']>[0]): Promise<unknown> {
    const reply: IndexReply = await this.#thread.ask(request);
    if ('value' in reply) return reply.value;
    if ('error' in reply) throw reply.error;
    const { key, why } = reply.refused;
    // A copy fetched from elsewhere may be what is broken; the next try fetches it again.
    await this.#store.pruneLocal((other) => other !== key);
    throw new ArtifactRefusedError(key, why);
  }

  #died(error: Error): void {
    const manifest = this.#manifest;
    if (this.#closed || !manifest) return;
    this.#lost = true;
    const pauseMs = Math.min(longestPauseMs, this.#deaths === 0 ? 0 : 500 * 2 ** this.#deaths);
    this.#deaths += 1;
    this.#log.error({ err: error, pauseMs }, 'the index thread ended; it is started again');
    this.#reload = setTimeout(() => {
      // Whatever was opened meanwhile is newer.
      if (!this.#lost || this.#closed) return;
      this.open(manifest).catch((err: unknown) => {
        if (this.#closed) return;
        this.#log.error(
          { err, missing: err instanceof ArtifactMissingError },
          'the index could not be loaded again',
        );
        this.#died(err instanceof Error ? err : new Error(String(err)));
      });
    }, pauseMs);
  }
}

/** An index with nothing loaded. The process's FAISS thread starts with the first generation. */
export const createVectorIndex = (store: ArtifactStore, log: Log): VectorIndex =>
  new ThreadedVectorIndex(store, log);
