import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/config.ts';
import { createApiKey } from '../../src/db/api-keys.ts';
import { createDatabase } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type Child, launch, untilReady } from '../../src/embedded/child.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { type Server, startRedis } from '../../src/embedded/redis.ts';
import { copyCluster } from './template-cluster.ts';

export type ServerName = 'postgres' | 'queue' | 'cache';
export type ProcessName = 'api' | 'worker' | 'scheduler';

interface Deployment {
  /** Settings of every process. */
  env?: Record<string, string>;
  /** Further environment of a server, such as a library to be loaded into it. */
  serverEnv?: Partial<Record<ServerName, Record<string, string>>>;
}

/**
 * The servers of a deployed system, migrated, which may be killed, and a way to start its processes. Whoever asked for it
 * calls `stop`.
 */
export const deploySystem = async ({ env = {}, serverEnv = {} }: Deployment = {}) => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-system-'));
  await chmod(dir, 0o711);
  const children = new Set<Child>();
  const servers = {} as Record<ServerName, Server>;
  const start = {
    postgres: (at: { port?: number; exactPort?: boolean }) =>
      startPostgres({ dir: join(dir, 'postgres'), env: serverEnv.postgres, ...at }),
    queue: (at: { port?: number; exactPort?: boolean }) =>
      startRedis({ dir: join(dir, 'queue'), role: 'queue', env: serverEnv.queue, ...at }),
    cache: (at: { port?: number; exactPort?: boolean }) =>
      startRedis({ dir: join(dir, 'cache'), role: 'cache', env: serverEnv.cache, ...at }),
  };
  const names = Object.keys(start) as ServerName[];
  const closing: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of closing) await close();
    await Promise.all([...children].map((child) => child.stop()));
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };

  try {
    await copyCluster(join(dir, 'postgres'));
    await Promise.all(
      names.map(async (name) => {
        servers[name] = await start[name]({});
      }),
    );
    await migrate(servers.postgres.url);
  } catch (error) {
    await stop();
    throw error;
  }

  const settings: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'test',
    LOG_LEVEL: 'info',
    DATABASE_URL: servers.postgres.url,
    REDIS_QUEUE_URL: servers.queue.url,
    REDIS_CACHE_URL: servers.cache.url,
    ARTIFACTS_DIR: join(dir, 'artifacts'),
    EMBEDDER: 'fallback',
    // Whoever is not about models has something better to do with the processor.
    TRAINING_BUDGET_SECONDS: '10',
    ...env,
  };
  const startProcess = async (
    name: ProcessName,
    ownEnv: Record<string, string> = {},
    logName: string = name,
  ) => {
    const logFile = join(dir, `${logName}.log`);
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
    void child.exited.then(() => children.delete(child));
    await untilReady(child, { name, logFile, attempt: () => child.announced, deadlineMs: 60_000 });
    return child;
  };

  const db = createDatabase(servers.postgres.url, { poolSize: 2, queryTimeoutMs: 15_000, name: 'test' });
  closing.push(() => db.end());
  const make = async (scope: 'write' | 'read' | 'admin') =>
    (await createApiKey(db, { app: `test-${scope}`, scopes: [scope] })).key;

  return {
    dir,
    db,
    servers,
    startProcess,
    keys: { write: await make('write'), read: await make('read'), admin: await make('admin') },
    /** Kill a server as a power cut would kill its process. */
    async kill(name: ServerName): Promise<void> {
      servers[name].kill('SIGKILL');
      await servers[name].exited;
    },
    /** Start it again on its data, where its clients look for it. */
    async restart(name: ServerName): Promise<void> {
      servers[name] = await start[name]({ port: servers[name].port, exactPort: true });
    },
    stop,
  };
};

export type DeployedSystem = Awaited<ReturnType<typeof deploySystem>>;
