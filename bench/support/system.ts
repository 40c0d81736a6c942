import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
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
const dist = join(fileURLToPath(import.meta.url), '../../..');

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
  /** A process that says `ready`, from a file below `dist/`; it ends with the system. */
  start(file: string, env: Record<string, string>): Promise<ChildProcess>;
  /** One of ours, with the settings of the system. */
  startOwn(name: 'api' | 'worker' | 'scheduler', env?: Record<string, string>): Promise<ChildProcess>;
  /** End a process in order. */
  end(child: ChildProcess): Promise<void>;
  /** The last that the processes have written. */
  tail(): Promise<string>;
  /** The process of the queue's Redis. */
  queuePid(): Promise<number>;
  /** The process from which PostgreSQL's others come. */
  postgresPid(): Promise<number>;
  stop(): Promise<void>;
}

/** Fields of `/proc/PID/stat` from the third on, which is where `man proc` begins to be of use. */
const statOf = async (pid: number | string | undefined): Promise<string[]> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

const ticks = (fields: readonly string[]): number =>
  10_000 * fields.reduce((sum, field) => sum + Number(field), 0);

/** CPU time of a process so far, in µs; what others do on the machine changes it little. */
export const cpuOf = async (pid: number | undefined): Promise<number> =>
  ticks((await statOf(pid)).slice(11, 13));

/** CPU time so far of a process, those it has started, and those of them that have ended, in µs. */
export const cpuOfFamily = async (pid: number): Promise<number> => {
  let sum = ticks((await statOf(pid)).slice(11, 15));
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await statOf(name).catch(() => []);
    if (Number(stat[1]) === pid) sum += ticks(stat.slice(11, 13));
  }
  return sum;
};

/** Resident memory of a process in MiB, now and at its peak. */
export const memoryOf = async (child: ChildProcess): Promise<{ now: number; peak: number }> => {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
  return { now: of('VmRSS'), peak: of('VmHWM') };
};

const running = new Set<() => Promise<void>>();
const leaving = new AbortController();

/**
 * Have something ended when this process is, by a signal for instance, before the end of what it is part of.
 * @returns what ends it, once.
 */
export const untilStopped = (stop: () => Promise<void>): (() => Promise<void>) => {
  let stopped: Promise<void> | undefined;
  const once = () => {
    stopped ??= stop().finally(() => running.delete(once));
    return stopped;
  };
  running.add(once);
  return once;
};

/** End everything that is still up, what came last first, and start nothing any more. */
export const stopAll = async (): Promise<void> => {
  leaving.abort(new Error('stopped'));
  for (const stop of [...running].reverse()) await stop().catch(() => {});
};

/**
 * Servers of our own, migrated and empty, and whatever processes a benchmark wants.
 * @param profile a folder for CPU profiles of our processes, one each, written when they end.
 */
export const startBenchSystem = async (
  env: Record<string, string> = {},
  profile?: string,
): Promise<BenchSystem> => {
  leaving.signal.throwIfAborted();
  const closers: (() => Promise<unknown>)[] = [];
  const stop = untilStopped(async () => {
    for (const close of closers.reverse()) await close();
  });
  try {
    return await start(env, profile, { closers, stop });
  } catch (error) {
    await stop();
    throw error;
  }
};

const start = async (
  env: Record<string, string>,
  profile: string | undefined,
  { closers, stop }: { closers: (() => Promise<unknown>)[]; stop: () => Promise<void> },
): Promise<BenchSystem> => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-bench-'));
  closers.push(() => rm(dir, { recursive: true, force: true }));
  // As root, PostgreSQL runs as somebody who has to get in here.
  await chmod(dir, 0o711);
  const starting = startServers({
    ...{ dir, logDir: dir, log: () => {}, signal: leaving.signal },
  });
  closers.push(async () => (await starting.catch(() => undefined))?.stop());
  const servers = await starting;
  const children = new Set<ChildProcess>();
  const logFile = join(dir, 'log');
  const log = await open(logFile, 'w');
  closers.push(() => log.close());
  const { databaseUrl, redisQueueUrl, redisCacheUrl } = servers;
  await migrate(databaseUrl);
  const db = createDatabase(databaseUrl, { poolSize: 4, queryTimeoutMs: 3_600_000, name: 'bench' });
  const [cache, queue] = [new Redis(redisCacheUrl), new Redis(redisQueueUrl)];
  closers.push(async () => {
    cache.disconnect();
    queue.disconnect();
    await db.end();
  });
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
  const end = async (child: ChildProcess) => {
    if (!children.delete(child) || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  const tail = async () => (await readFile(logFile, 'utf8')).slice(-2_000);
  closers.push(async () => {
    for (const child of [...children].reverse()) await end(child);
  });
  const launch = async (file: string, own: Record<string, string>, execArgv: string[] = []) => {
    leaving.signal.throwIfAborted();
    const child = fork(join(dist, file), {
      ...{ execArgv, env: { PATH: process.env.PATH, NODE_ENV: 'production', ...own } },
      // In a session of its own, as it is deployed: Linux shares the processor between sessions first.
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    children.add(child);
    const [message] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => ['gone']),
    ])) as [string];
    if (message === 'ready') return child;
    throw new Error(`${file} did not start: ${await tail()}`);
  };
  return {
    ...{ dir, db, cache, queue, key, end, tail },
    url: `http://127.0.0.1:${port}`,
    urls: { database: databaseUrl, queue: redisQueueUrl, cache: redisCacheUrl },
    start: (file, own) => launch(file, own),
    startOwn: (name, own = {}) =>
      launch(
        `src/${name}-main.js`,
        { ...settings, ...own },
        profile === undefined
          ? []
          : [
              '--cpu-prof',
              `--cpu-prof-dir=${profile}`,
              `--cpu-prof-name=${name}-${children.size}.cpuprofile`,
            ],
      ),
    queuePid: async () => Number(/^process_id:(\d+)/m.exec(await queue.info('server'))?.[1]),
    postgresPid: async () => {
      const file = await readFile(join(dir, 'postgres/cluster/postmaster.pid'), 'utf8');
      return Number(file.split('\n')[0]);
    },
    stop,
  };
};
