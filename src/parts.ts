import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { eventJobs } from '../jobs/index.ts';
import { type ArtifactStore, createArtifactStore } from './artifacts/store.ts';
import type { Config } from './config.ts';
import { insertAudit } from './db/audit.ts';
import { createDatabase, type Db } from './db/database.ts';
import type { Embedders } from './embeddings/embedder.ts';
import { createEmbedders } from './embeddings/embedders.ts';
import { OutageError } from './errors.ts';
import type { Log } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { startMetricsExchange } from './metrics-exchange.ts';
import type { EventJob } from './queue/define-job.ts';
import { createIntakeAccount, type IntakeAccount } from './queue/intake-account.ts';
import { createProducer, type Producer } from './queue/producer.ts';
import { assertDurable, connectForRequests, ready } from './queue/redis.ts';
import { createSealer, type Sealer } from './queue/secrets.ts';
import { createListMaker, type ListMaker } from './serving/list-maker.ts';
import { createShardBuilder, type ShardBuilder } from './vectors/shard-builder.ts';
import { createVectorIndex, type VectorIndex } from './vectors/vector-index.ts';

/** What every process of the system stands on. */
export interface Parts {
  config: Config;
  log: Log;
  db: Db;
  metrics: Metrics;
  producer: Producer;
  account: IntakeAccount;
  sealer: Sealer;
  eventJobs: readonly EventJob[];
  cache: Redis;
  artifacts: ArtifactStore;
  /** These three start their threads at the first call, so whoever does not need them does not pay for them. */
  embedders: Embedders;
  shards: ShardBuilder;
  vectors: VectorIndex;
  lists: ListMaker;
  close(): Promise<void>;
}

const startTimeoutMs = 10_000;

/** PostgreSQL may only just be coming up, or going away and coming back. */
const answering = async (db: Db, timeoutMs: number): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      await db`select 1`;
      return;
    } catch (error) {
      if (!(error instanceof OutageError) || performance.now() > deadline) throw error;
      await delay(200);
    }
  }
};

/**
 * Connect to PostgreSQL and both Redis instances and check that they can keep the system's promises.
 * @throws when one of them cannot be reached within ten seconds, or the queue's Redis is unsafe in production.
 */
export const connectParts = async (config: Config, log: Log, processName: string): Promise<Parts> => {
  const metrics = createMetrics();
  const queue = connectForRequests(config.REDIS_QUEUE_URL, log, config.ENQUEUE_TIMEOUT_MS);
  const cache = connectForRequests(config.REDIS_CACHE_URL, log, config.ENQUEUE_TIMEOUT_MS);
  const db = createDatabase(config.DATABASE_URL, {
    poolSize: config.DATABASE_POOL_SIZE,
    queryTimeoutMs: config.DATABASE_QUERY_TIMEOUT_MS,
    name: `zyra-${processName}`,
  });
  await Promise.all([
    ready(queue, startTimeoutMs),
    ready(cache, startTimeoutMs),
    answering(db, startTimeoutMs),
  ]);
  await assertDurable(queue, log, {
    enforce: config.NODE_ENV === 'production' && !config.ALLOW_UNSAFE_REDIS,
  });

  const producer = createProducer(queue, {
    prefix: config.REDIS_PREFIX,
    timeoutMs: config.ENQUEUE_TIMEOUT_MS,
  });
  const artifacts = createArtifactStore(config, log);
  const embedders = createEmbedders(config, log, (why) => {
    log.warn({ why, msg: 'no language model: products and queries are embedded by the built-in fallback' });
    insertAudit(db, {
      component: 'embeddings',
      severity: 'warning',
      message: 'the fallback embedder is used',
      payload: { process: processName, why },
    }).catch((error: unknown) => log.warn({ err: error, msg: 'the audit could not be written' }));
  });
  const shards = createShardBuilder(artifacts);
  const vectors = createVectorIndex(artifacts, log);
  const lists = createListMaker({ db, cache, config, artifacts, vectors, producer, metrics, log });
  const exchange = startMetricsExchange({ redis: queue, prefix: config.REDIS_PREFIX, metrics, processName });
  return {
    config,
    log,
    db,
    metrics,
    producer,
    account: createIntakeAccount(queue, config.REDIS_PREFIX),
    sealer: createSealer(config),
    eventJobs,
    cache,
    artifacts,
    embedders,
    shards,
    vectors,
    lists,
    async close() {
      await exchange.stop();
      await lists.close();
      await Promise.all([embedders.close(), shards.close(), vectors.close()]);
      await producer.close();
      cache.disconnect();
      await db.end();
    },
  };
};
