import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { projectRoot } from '../config.ts';
import { type Child, launch, untilReady } from './child.ts';
import { settleEndpoint } from './endpoint.ts';
import { endOrphan } from './processes.ts';

export interface Server extends Child {
  readonly url: string;
  readonly port: number;
}

export interface RedisOptions {
  /** Holds the data, the configuration with the password, and the log unless it goes elsewhere. */
  dir: string;
  role: 'queue' | 'cache';
  /** Preferred; without it the one used last time, else any free one. */
  port?: number | undefined;
  /** Fail rather than take another port. */
  exactPort?: boolean | undefined;
  logFile?: string | undefined;
  /** Further or other settings, by their names in redis.conf. */
  tune?: Record<string, string> | undefined;
  /** Further environment of the server. */
  env?: Record<string, string> | undefined;
  /** Gives up a start that is under way. */
  signal?: AbortSignal | undefined;
}

const settings = {
  // An accepted event is on disk before it is acknowledged, and is never evicted to make room.
  queue: {
    appendonly: 'yes',
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
    // Jobs come and go: with the default of 64mb the file is written anew every 300,000 events, all that waits compressed.
    'auto-aof-rewrite-min-size': '256mb',
    rdbcompression: 'no',
    maxmemory: '1gb',
    'maxmemory-policy': 'noeviction',
  },
  cache: { appendonly: 'no', maxmemory: '256mb', 'maxmemory-policy': 'allkeys-lru' },
};

interface Programs {
  server: string;
  libraryPath?: string;
}

const programs = async (): Promise<Programs> => {
  const record = await readFile(join(projectRoot, '.zyra/native/redis.json'), 'utf8').catch(() => {
    throw new Error('No Redis server is set up here; run `node scripts/setup.mjs`.');
  });
  return JSON.parse(record);
};

const ping = async (url: string): Promise<void> => {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, connectTimeout: 2_000 });
  // The failure is the awaited call's to report.
  redis.on('error', () => {});
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    redis.disconnect();
  }
};

const paths = (dir: string) => ({ configFile: join(dir, 'redis.conf'), pidFile: join(dir, 'redis.pid') });
const ending = { endSignal: 'SIGTERM', endDeadlineMs: 30_000 } as const;

/** End the Redis that runs on the data in `dir`, if there is one. */
export const endRedis = async (dir: string): Promise<void> => {
  const { configFile, pidFile } = paths(await realpath(dir));
  await endOrphan({ pidFile, mention: configFile, ...ending });
};

/**
 * Start a Redis on the loopback interface, behind a random password, with the durability its role needs. Its data stays
 * in `dir`; one left running there by a killed process is ended first, in order.
 * @throws with the end of its log when it does not come up.
 */
export const startRedis = async (options: RedisOptions): Promise<Server> => {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  const { configFile, pidFile } = paths(dir);
  await endRedis(dir);

  const { port, password } = await settleEndpoint(dir, options);
  const lines = Object.entries({
    bind: '127.0.0.1',
    port: String(port),
    'protected-mode': 'yes',
    requirepass: password,
    dir: JSON.stringify(dir),
    pidfile: JSON.stringify(pidFile),
    // The command line keeps naming the configuration file: it tells our orphan from a stranger.
    'set-proc-title': 'no',
    save: '""',
    ...settings[options.role],
    ...options.tune,
  });
  const text = lines.map(([name, value]) => `${name} ${value}\n`).join('');
  await writeFile(configFile, text, { mode: 0o600 });

  const { server, libraryPath } = await programs();
  const logFile = options.logFile ?? join(dir, 'redis.log');
  const env = {
    PATH: '/usr/bin:/bin',
    LC_ALL: 'C',
    ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}),
    ...options.env,
  };
  const child = await launch({ program: server, args: [configFile], env, logFile, ...ending });
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const name = `Redis (${options.role})`;
  // Reading a large append-only file back takes its time.
  await untilReady(child, {
    name,
    logFile,
    attempt: () => ping(url),
    deadlineMs: 120_000,
    signal: options.signal,
  });
  return { ...child, url, port };
};
