import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, projectRoot } from '../config.ts';
import { createDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { findFreePort, portIsFree } from '../embedded/endpoint.ts';
import { removeServers, startServers } from '../embedded/servers.ts';
import { ensureModel } from './model.ts';
import { ensureKeys, ensureSecret, writeSecret } from './start-keys.ts';
import { startProcesses } from './start-processes.ts';
import { ensureShop, untilCounted } from './start-shop.ts';
import { untilAborted, type Wishes, watchSignals } from './start-signals.ts';
import { describeSystem } from './start-summary.ts';

const usage = `npm start [-- OPTIONS]

Brings the whole system up: PostgreSQL, two Redis, API, worker and scheduler, with its data under .zyra/.

  --fresh     delete the data of earlier starts first (not that of servers given by a URL)
  --empty     no demo shop on the first start
  --port N    where the API listens (3000, or PORT); the next free port when it is taken
  --help      this text

DATABASE_URL, REDIS_QUEUE_URL and REDIS_CACHE_URL, when set, are used instead of servers of its own.
`;

const options = {
  fresh: { type: 'boolean', default: false },
  empty: { type: 'boolean', default: false },
  port: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

const say = (line: string) => process.stdout.write(`${line}\n`);

const choosePort = async (wanted: number, host: string): Promise<number> => {
  for (let port = wanted; port > 0 && port < wanted + 100; port += 1) {
    if (!(await portIsFree(port, host))) continue;
    if (port !== wanted) say(`  port ${wanted} is taken; the API takes ${port}`);
    return port;
  }
  return findFreePort();
};

/** Settles as `work` does, or rejects as soon as nobody waits for it any more. */
const unlessStopped = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
  work.catch(() => {});
  return Promise.race([work, untilAborted(signal).then(() => Promise.reject(new Error('stopped')))]);
};

type Closer = () => Promise<void>;

const bringUp = async (
  flags: { fresh: boolean; empty: boolean; port?: string | undefined },
  env: NodeJS.ProcessEnv,
  { stop, hurry }: Wishes,
  closers: Closer[],
): Promise<void> => {
  const began = Date.now();
  const home = join(projectRoot, '.zyra');
  const data = join(home, 'data');
  const logDir = join(home, 'logs');
  if (flags.fresh) await removeServers(data);

  say('  starting PostgreSQL and Redis');
  const servers = await startServers({
    dir: data,
    logDir,
    databaseUrl: env.DATABASE_URL,
    redisQueueUrl: env.REDIS_QUEUE_URL,
    redisCacheUrl: env.REDIS_CACHE_URL,
    log: say,
    signal: stop,
  });
  closers.push(servers.stop);
  const urls = {
    DATABASE_URL: servers.databaseUrl,
    REDIS_QUEUE_URL: servers.redisQueueUrl,
    REDIS_CACHE_URL: servers.redisCacheUrl,
    ZYRA_SECRET: env.ZYRA_SECRET || (await ensureSecret(join(data, 'secret.json'))),
  };
  const config = loadConfig({ ...env, ...urls, ...(flags.port === undefined ? {} : { PORT: flags.port }) });

  // Beside the database's work: it may take as long.
  const model = ensureModel(config, say);
  const { applied } = await unlessStopped(stop, migrate(servers.databaseUrl));
  if (applied.length > 0) say(`  migrated the database: ${applied.length} files`);
  await unlessStopped(
    stop,
    ensureShop(servers.databaseUrl, { marker: join(data, 'shop'), empty: flags.empty }),
  );
  const db = createDatabase(servers.databaseUrl, { poolSize: 1, queryTimeoutMs: 15_000, name: 'npm start' });
  const keys = await unlessStopped(stop, ensureKeys(db, join(data, 'keys.json')));

  const port = await choosePort(config.PORT, config.HOST);
  const host = ['0.0.0.0', '::'].includes(config.HOST) ? '127.0.0.1' : config.HOST;
  const api = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  await unlessStopped(stop, model);
  say('  starting API, workers and scheduler');
  const processes = await startProcesses({
    env: { ...env, ...urls, PORT: String(port) },
    apiUrl: api,
    logDir,
    shutdownMs: config.SHUTDOWN_TIMEOUT_MS,
    log: say,
    signal: stop,
  });
  closers.push(async () => {
    const orderly = processes.stop({ hurry: hurry.aborted });
    await Promise.race([orderly, untilAborted(hurry).then(() => processes.stop({ hurry: true }))]);
  });

  await untilCounted(db, stop);
  const runFile = join(home, 'run.json');
  const run = {
    api,
    database_url: servers.databaseUrl,
    redis_queue_url: servers.redisQueueUrl,
    redis_cache_url: servers.redisCacheUrl,
    keys,
  };
  closers.push(() => rm(runFile, { force: true }));
  await writeSecret(runFile, run);
  const summary = await describeSystem(db, run);
  await db.end();
  say(`\nzyra is ready, after ${((Date.now() - began) / 1000).toFixed(1)} s.\n${summary}`);
};

/**
 * Bring the system up, keep it up, and take it down in the reverse order when asked to.
 * @param env what to hand on to the processes; the set-up of servers reads the three URLs from it.
 * @returns the exit code: 0 after an orderly stop, 1 when it did not come up, 2 for a wrong option or setting.
 */
export const start = async (args: string[], env: NodeJS.ProcessEnv): Promise<number> => {
  let flags: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
  try {
    flags = parseArgs({ args, options }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (flags.help) {
    say(usage);
    return 0;
  }
  const signals = watchSignals();
  const closers: Closer[] = [];
  let exitCode = 0;
  try {
    await bringUp(
      { ...flags, fresh: flags.fresh === true, empty: flags.empty === true },
      env,
      signals,
      closers,
    );
    await untilAborted(signals.stop);
    signals.stop.throwIfAborted();
  } catch (caught) {
    const reason: unknown = signals.stop.aborted ? signals.stop.reason : caught;
    // A signal's name is a reason to stop, not a failure.
    if (reason instanceof Error) {
      exitCode = reason instanceof ConfigError ? 2 : 1;
      process.stderr.write(`\n${reason.message}\n`);
    }
  }
  say('  stopping …');
  for (const close of closers.reverse()) {
    await close().catch((error: Error) => process.stderr.write(`${error.message}\n`));
  }
  say('  stopped');
  return exitCode;
};
