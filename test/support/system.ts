import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { projectRoot } from '../../src/config.ts';
import { createApiKey } from '../../src/db/api-keys.ts';
import { createDatabase } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type Child, launch, untilReady } from '../../src/embedded/child.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { type Server, startRedis } from '../../src/embedded/redis.ts';

type ServerName = 'postgres' | 'queue' | 'cache';

/**
 * The system as it is deployed: servers of its own that may be killed, and API, worker and scheduler as processes.
 * Ends with the test.
 */
export const startSystem = async (env: Record<string, string> = {}) => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-system-'));
  await chmod(dir, 0o711);
  const children = new Set<Child>();
  onTestFinished(async () => {
    await Promise.all([...children].map((child) => child.stop()));
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  const start = {
    postgres: (port?: number) =>
      startPostgres({ dir: join(dir, 'postgres'), port, exactPort: port !== undefined }),
    queue: (port?: number) =>
      startRedis({ dir: join(dir, 'queue'), role: 'queue', port, exactPort: port !== undefined }),
    cache: (port?: number) =>
      startRedis({ dir: join(dir, 'cache'), role: 'cache', port, exactPort: port !== undefined }),
  };
  const [postgres, queue, cache] = await Promise.all([start.postgres(), start.queue(), start.cache()]);
  const servers: Record<ServerName, Server> = { postgres, queue, cache };
  await migrate(postgres.url);

  const settings = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'test',
    LOG_LEVEL: 'info',
    DATABASE_URL: postgres.url,
    REDIS_QUEUE_URL: queue.url,
    REDIS_CACHE_URL: cache.url,
    PORT: String(await findFreePort()),
    ARTIFACTS_DIR: join(dir, 'artifacts'),
    EMBEDDER: 'fallback',
    ...env,
  };
  const url = `http://127.0.0.1:${settings.PORT}`;
  const startProcess = async (name: 'api' | 'worker' | 'scheduler', ownEnv: Record<string, string> = {}) => {
    const logFile = join(dir, `${name}.log`);
    const child = await launch({
      program: process.execPath,
      args: [join(projectRoot, `dist/src/${name}-main.js`)],
      env: { ...settings, ...ownEnv },
      cwd: projectRoot,
      logFile,
      ipc: true,
      endSignal: 'SIGTERM',
      endDeadlineMs: 15_000,
    });
    children.add(child);
    await untilReady(child, { name, logFile, attempt: () => child.announced, deadlineMs: 60_000 });
    return child;
  };
  const processes = {
    api: await startProcess('api'),
    worker: await startProcess('worker'),
    scheduler: await startProcess('scheduler'),
  };

  const db = createDatabase(postgres.url, { poolSize: 2, queryTimeoutMs: 15_000, name: 'test' });
  onTestFinished(() => db.end());
  const make = async (scope: 'write' | 'read' | 'admin') =>
    (await createApiKey(db, { app: `test-${scope}`, scopes: [scope] })).key;

  return {
    dir,
    url,
    db,
    servers,
    processes,
    startProcess,
    keys: { write: await make('write'), read: await make('read'), admin: await make('admin') },
    /** Kill a server as a power cut would kill its process. */
    async kill(name: ServerName): Promise<void> {
      servers[name].kill('SIGKILL');
      await servers[name].exited;
    },
    /** Start it again on its data, where its clients look for it. */
    async restart(name: ServerName): Promise<void> {
      servers[name] = await start[name](servers[name].port);
    },
  };
};

export type RunningSystem = Awaited<ReturnType<typeof startSystem>>;
