import { buildShard } from '../../jobs/build-shard.ts';
import { publishIndex } from '../../jobs/publish-index.ts';
import { ArtifactMissingError, type ArtifactStore } from '../artifacts/store.ts';
import { insertAudit } from '../db/audit.ts';
import type { Db } from '../db/database.ts';
import { findServingGeneration, findServingIndex } from '../db/vector-indexes.ts';
import type { Embedders } from '../embeddings/embedder.ts';
import { OutageError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Producer } from '../queue/producer.ts';
import type { Manifest } from '../vectors/manifest.ts';
import { keysOf } from '../vectors/manifest-keys.ts';
import { ArtifactRefusedError, type VectorIndex } from '../vectors/vector-index.ts';

/** How often to look without being told. */
const lookMs = 5_000;

export interface IndexFollower {
  /** A new generation may be there. */
  poke(): void;
  /** Resolves after the first look, whatever it found. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

interface Followed {
  db: Db;
  vectors: VectorIndex;
  embedders: Embedders;
  artifacts: ArtifactStore;
  producer: Producer;
  metrics: Metrics;
  log: Log;
}

/**
 * Keep an index on the generation that is to be served. One that cannot be loaded is left alone, what was served before
 * stays, operators are told, and the file in question is asked to be built again.
 */
export const followIndex = (followed: Followed): IndexFollower => {
  const { db, vectors, embedders, artifacts, producer, metrics, log } = followed;
  const complained = new Set<string>();
  let stopped = false;
  let looking = Promise.resolve();
  let busy = false;
  let again = false;

  /** Have the file made anew under another name: the base shard it belongs to, or the delta. */
  const askAnew = async ({ model, shards }: Manifest, key: string) => {
    const shard = shards.findIndex((part) => part && keysOf(null, part).includes(key));
    if (shard < 0) await producer.enqueue(publishIndex, { anew: true });
    else await producer.enqueue(buildShard, { model, shards: shards.length, shard });
  };

  const refuse = async (manifest: Manifest, key: string, error: Error) => {
    if (complained.has(key)) return;
    metrics.refusedArtifacts.inc();
    log.error({ err: error, key, msg: 'a file of the index was refused; the generation before stays' });
    await askAnew(manifest, key);
    await insertAudit(db, {
      component: 'index',
      severity: 'error',
      message: 'a file of the index was refused',
      payload: { key, reason: error.message },
    });
    complained.add(key);
  };

  const look = async (): Promise<void> => {
    const current = await findServingGeneration(db);
    const loaded = vectors.manifest;
    if (!current || (loaded?.model === current.model && loaded.generation === current.generation)) return;
    const serving = await findServingIndex(db);
    if (!serving) return;
    const { manifest } = serving;
    // Loaded by the first query it would keep that one waiting; not to be had, whoever asks is told so.
    embedders.named(manifest.model).catch(() => {});
    try {
      await vectors.open(manifest);
    } catch (error) {
      if (!(error instanceof ArtifactRefusedError || error instanceof ArtifactMissingError)) throw error;
      const newest = await findServingGeneration(db);
      // Pruned under our hands: a newer one is there.
      if (newest?.generation !== serving.generation || newest.model !== serving.model) again = true;
      else await refuse(manifest, error.key, error);
      return;
    }
    log.debug({ model: manifest.model, generation: manifest.generation, msg: 'serving a new generation' });
    const keys = new Set(keysOf(manifest));
    await artifacts.pruneLocal((key) => keys.has(key));
  };

  const lookUntilSettled = async () => {
    do {
      again = false;
      await look().catch((error: unknown) => {
        log[error instanceof OutageError ? 'warn' : 'error']({
          err: error,
          msg: 'could not follow the index',
        });
      });
    } while (again && !stopped);
  };

  const poke = () => {
    again = true;
    if (stopped || busy) return;
    busy = true;
    looking = lookUntilSettled().finally(() => {
      busy = false;
    });
  };

  poke();
  const ready = looking;
  const timer = setInterval(poke, lookMs);
  return {
    poke,
    ready,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
    },
  };
};
