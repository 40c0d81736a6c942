import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kept, keepRunning } from './keep-running.ts';
import { endPostgres, startPostgres } from './postgres.ts';
import { endRedis, type Server, startRedis } from './redis.ts';

export interface ServersOptions {
  /** Each server's data goes into a folder of its own in here. */
  dir: string;
  logDir: string;
  /** Servers that exist already; these are not started. */
  databaseUrl?: string | undefined;
  redisQueueUrl?: string | undefined;
  redisCacheUrl?: string | undefined;
  /** Further settings for PostgreSQL. */
  tunePostgres?: Record<string, string>;
  log: (line: string) => void;
  /** Gives up a start that is under way, and starts nothing again. */
  signal?: AbortSignal;
}

export interface Servers {
  databaseUrl: string;
  redisQueueUrl: string;
  redisCacheUrl: string;
  /** The servers started here, by name. */
  started: Map<string, Kept<Server>>;
  /** End both Redis, then PostgreSQL, each in order. */
  stop(): Promise<void>;
}

/** Delete the data of all servers, ending first whatever still runs on it. */
export const removeServers = async (dir: string): Promise<void> => {
  const end = async (name: string, how: (folder: string) => Promise<void>) => {
    const folder = join(dir, name);
    if (existsSync(folder)) await how(folder);
  };
  await Promise.all([
    end('postgres', endPostgres),
    end('redis-queue', endRedis),
    end('redis-cache', endRedis),
  ]);
  await rm(dir, { recursive: true, force: true });
};

/**
 * Start PostgreSQL and both Redis side by side, and keep them running at the same addresses.
 * @throws when one does not come up; the others have been stopped then.
 */
export const startServers = async (options: ServersOptions): Promise<Servers> => {
  const { dir, logDir, log, tunePostgres, signal } = options;
  await mkdir(dir, { recursive: true });
  await mkdir(logDir, { recursive: true });
  const place = (name: string, before: Server | undefined, wanted: AbortSignal) => ({
    signal: wanted,
    dir: join(dir, name),
    logFile: join(logDir, `${name}.log`),
    // Clients know the address: a server that is started again must come back there.
    ...(before && { port: before.port, exactPort: true }),
  });
  const redis = (role: 'queue' | 'cache') => (before: Server | undefined, wanted: AbortSignal) =>
    startRedis({ ...place(`redis-${role}`, before, wanted), role });

  const plan = [
    {
      name: 'PostgreSQL',
      url: options.databaseUrl,
      start: (before: Server | undefined, wanted: AbortSignal) =>
        startPostgres({ ...place('postgres', before, wanted), tune: tunePostgres }),
    },
    { name: 'Redis (queue)', url: options.redisQueueUrl, start: redis('queue') },
    { name: 'Redis (cache)', url: options.redisCacheUrl, start: redis('cache') },
  ];
  const started = new Map<string, Kept<Server>>();
  const stop = async () => {
    const [postgres, ...others] = plan.map(({ name }) => started.get(name));
    await Promise.all(others.map((server) => server?.stop()));
    await postgres?.stop();
  };
  const outcomes = await Promise.allSettled(
    plan.map(async ({ name, url, start }) => {
      if (url) return url;
      const kept = await keepRunning({ name, start, log, signal });
      started.set(name, kept);
      return kept.current().url;
    }),
  );
  const urls: string[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') urls.push(outcome.value);
    else {
      await stop();
      throw outcome.reason;
    }
  }
  const [databaseUrl, redisQueueUrl, redisCacheUrl] = urls as [string, string, string];
  return { databaseUrl, redisQueueUrl, redisCacheUrl, started, stop };
};
