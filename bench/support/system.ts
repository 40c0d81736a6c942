import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createApiKey } from '../../src/db/api-keys.ts';
import { createDatabase, type Db } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { startServers } from '../../src/embedded/servers.ts';

/** `dist/`, from which everything runs. */
export const dist = join(fileURLToPath(import.meta.url), '../../..');

/** The namespace of the benchmarks' keys in Redis. */
export const prefix = 'bench';

export interface BenchSystem {
  dir: string;
  url: string;
  db: Db;
  cache: Redis;
  queue: Redis;
  /** A key with every scope. */
  key: string;
  urls: { database: string; queue: string; cache: string };
  /** A process that says `ready`; it ends with the system. */
  start(file: string, args: string[], env: Record<string, string>): Promise<ChildProcess>;
  /** One of ours, with the settings of the system. */
  startOwn(name: 'api' | 'worker' | 'scheduler', env?: Record<string, string>): Promise<ChildProcess>;
  stop(): Promise<void>;
}

/** CPU time of a process so far, in µs. */
export const cpuOf = async (child: ChildProcess): Promise<number> => {
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return 10_000 * ((user ?? 0) + (system ?? 0));
};

/** Resident memory of a process in MiB, now and at its peak. */
export const memoryOf = async (child: ChildProcess): Promise<{ now: number; peak: number }> => {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
  return { now: of('VmRSS'), peak: of('VmHWM') };
};

const startProcess = async (
  file: string,
  args: string[],
  env: Record<string, string>,
  log: FileHandle,
): Promise<ChildProcess> => {
  const child = fork(file, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  });
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => ['gone']),
  ])) as [string];
  if (message !== 'ready') throw new Error(`${file} did not start`);
  return child;
};

/** Servers of our own, migrated and empty, and whatever processes a benchmark wants. */
export const startBenchSystem = async (env: Record<string, string> = {}): Promise<BenchSystem> => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-bench-'));
  // As root, PostgreSQL runs as somebody who has to get in here.
  await chmod(dir, 0o711);
  const servers = await startServers({ dir, logDir: dir, log: () => {} });
  const children: ChildProcess[] = [];
  const log = await open(join(dir, 'log'), 'w');
  const { databaseUrl, redisQueueUrl, redisCacheUrl } = servers;
  await migrate(databaseUrl);
  const db = createDatabase(databaseUrl, { poolSize: 4, queryTimeoutMs: 600_000, name: 'bench' });
  const [cache, queue] = [new Redis(redisCacheUrl), new Redis(redisQueueUrl)];
  const { key } = await createApiKey(db, { app: 'bench', scopes: ['admin'] });
  const port = await findFreePort();
  const settings: Record<string, string> = {
    NODE_ENV: 'production',
    ZYRA_SECRET: 'a secret of the benchmark and of nobody else',
    DATABASE_URL: databaseUrl,
    REDIS_QUEUE_URL: redisQueueUrl,
    REDIS_CACHE_URL: redisCacheUrl,
    REDIS_PREFIX: prefix,
    PORT: String(port),
    ARTIFACTS_DIR: join(dir, 'artifacts'),
    EMBEDDER: 'fallback',
    ...env,
  };
  const start = async (file: string, args: string[], own: Record<string, string>) => {
    const child = await startProcess(file, args, own, log);
    children.push(child);
    return child;
  };
  return {
    ...{ dir, db, cache, queue, key, start },
    url: `http://127.0.0.1:${port}`,
    urls: { database: databaseUrl, queue: redisQueueUrl, cache: redisCacheUrl },
    startOwn: (name, own = {}) => start(join(dist, `src/${name}-main.js`), [], { ...settings, ...own }),
    async stop() {
      for (const child of children.reverse()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      cache.disconnect();
      queue.disconnect();
      await db.end();
      await log.close();
      await servers.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
};
