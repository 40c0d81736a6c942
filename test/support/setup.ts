import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { jobs } from '../../jobs/index.ts';
import { startApi } from '../../src/api/server.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { createApiKey } from '../../src/db/api-keys.ts';
import { createLog } from '../../src/log.ts';
import { connectParts, type Parts } from '../../src/parts.ts';
import type { Job } from '../../src/queue/define-job.ts';
import type { Handlers } from '../../src/queue/handler.ts';
import type { QueueName } from '../../src/queue/queues.ts';
import { connectForWork } from '../../src/queue/redis.ts';
import { startWorkers } from '../../src/queue/start-workers.ts';
import { handlers } from '../../workers/index.ts';
import { createDatabase } from './database.ts';
import { removeKeys } from './remove-keys.ts';

/**
 * A system of the test's own: a database cloned from the migrated template and a queue prefix nobody else has. Closed
 * by itself when the test ends.
 */
export const setup = async (env: Record<string, string> = {}) => {
  const database = await createDatabase({ template: 'migrated' });
  const prefix = `t-${randomBytes(5).toString('hex')}`;
  const artifacts = await mkdtemp(join(tmpdir(), 'zyra-artifacts-'));
  const config: Config = loadConfig({
    NODE_ENV: 'test',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    DATABASE_URL: database.url,
    DATABASE_POOL_SIZE: '6',
    REDIS_QUEUE_URL: inject('redisQueueUrl'),
    REDIS_CACHE_URL: inject('redisCacheUrl'),
    REDIS_PREFIX: prefix,
    ZYRA_SECRET: 'secret-of-the-tests-and-of-nothing-else',
    PORT: '0',
    SHUTDOWN_TIMEOUT_MS: '5000',
    // Everything shares one thread here, and cores with other tests: what is late is not away.
    ENQUEUE_TIMEOUT_MS: '5000',
    ARTIFACTS_DIR: artifacts,
    // The language model takes a second to load and a hundred times longer a text.
    EMBEDDER: 'fallback',
    ...env,
  });
  const log = createLog('test', config.LOG_LEVEL);
  const parts: Parts = await connectParts(config, log, 'test');
  const closing: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    for (const close of closing.reverse()) await close();
    await parts.close();
    await removeKeys(config.REDIS_QUEUE_URL, prefix);
    await database.drop();
    await rm(artifacts, { recursive: true, force: true });
  }, 30_000);

  return {
    ...parts,
    parts,
    databaseUrl: config.DATABASE_URL,
    prefix,
    /** Serve the queues in this process, or `only` some, with the system's own jobs or with those given. */
    startWorkers: <Jobs extends Record<string, Job> = typeof jobs>(
      own?: { jobs: Jobs; handlers: Handlers<Jobs> },
      only?: readonly QueueName[],
    ) => {
      const redis = connectForWork(config.REDIS_QUEUE_URL, log);
      const served = own ?? { jobs, handlers };
      const workers = startWorkers({
        redis,
        context: parts,
        log,
        ...(only && { only }),
        ...(served as { jobs: Jobs; handlers: Handlers<Jobs> }),
      });
      let closed = false;
      const close = async (timeoutMs = 5_000) => {
        if (closed) return;
        closed = true;
        await workers.close(timeoutMs);
      };
      closing.push(close);
      return { close };
    },
    /** The HTTP API on a port of its own, with a key for each scope. */
    startApi: async () => {
      const make = async (scope: 'write' | 'read' | 'admin') =>
        (await createApiKey(parts.db, { app: `test-${scope}`, scopes: [scope] })).key;
      const keys = { write: await make('write'), read: await make('read'), admin: await make('admin') };
      const api = await startApi(parts);
      let closed = false;
      const close = async () => {
        if (closed) return;
        closed = true;
        await api.close();
      };
      closing.push(close);
      return { url: api.url, keys, close };
    },
  };
};

export type System = Awaited<ReturnType<typeof setup>>;
