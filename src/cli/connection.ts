import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Config, ConfigError, loadConfig, projectRoot } from '../config.ts';
import { createDatabase, type Db } from '../db/database.ts';
import { CommandError, oneLine, UsageError } from './failure.ts';

const RunFile = z.object({
  api: z.url(),
  database_url: z.string(),
  redis_queue_url: z.string(),
  redis_cache_url: z.string(),
  keys: z.object({ write: z.string(), read: z.string(), admin: z.string() }),
});

export interface ConnectionOptions {
  api?: string | undefined;
  key?: string | undefined;
}

/** Where the API is, and what opens it for a purpose. */
export interface ApiAddress {
  url: string;
  key(scope: 'write' | 'read' | 'admin'): string;
}

/** Give a command the options that say which system it is about. */
export const withApiOptions = (command: Command): Command =>
  command
    .option('--api <url>', 'address of the API (default: the running `npm start`, else HOST and PORT)')
    .option('--key <key>', 'key for it (default: that of `npm start`, else ZYRA_ADMIN_KEY)');

/** The system that `npm start` runs from this folder or from the project's, if there is one. */
const findRunFile = async () => {
  for (const folder of new Set([process.cwd(), projectRoot])) {
    const file = join(folder, '.zyra', 'run.json');
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    try {
      return RunFile.parse(JSON.parse(text));
    } catch (error) {
      throw new CommandError(`${file} cannot be read (${oneLine(error)}); stop and start the system again`);
    }
  }
  return undefined;
};

const howToSay = 'start it with `npm start`, or set the variables of .env.example';

const configFromEnvironment = (): Config => {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(`no system found here: ${howToSay}. ${oneLine(error)}`);
  }
};

/**
 * The API a command talks to: its options, else the running `npm start`, else the environment. The keys of a running
 * system are sent to that system only, never to another `--api`.
 * @throws CommandError when there is none, or when no key for it is known.
 */
export const findApi = async ({ api, key }: ConnectionOptions): Promise<ApiAddress> => {
  if (api !== undefined && !URL.canParse(api)) throw new UsageError(`--api ${api} is no address`);
  if (api !== undefined && key !== undefined) return { url: api, key: () => key };
  const run = await findRunFile();
  if (run && (api === undefined || new URL(api).origin === new URL(run.api).origin))
    return { url: api ?? run.api, key: (scope) => key ?? run.keys[scope] };
  if (run) throw new CommandError(`no key for ${api}: give --key`);

  const config = configFromEnvironment();
  const known = key ?? config.ZYRA_ADMIN_KEY;
  if (known === undefined) throw new CommandError('no key for the API: give --key, or set ZYRA_ADMIN_KEY');
  return { url: api ?? addressOf(config), key: () => known };
};

/** Every interface is listened on under names nobody can call. */
const callable: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

const addressOf = ({ HOST, PORT }: Config): string => `http://${callable[HOST] ?? HOST}:${PORT}`;

/**
 * Configuration of the system as a whole, with the API's address and its administrator's key.
 * @throws CommandError naming every missing setting when neither a running `npm start` nor the environment has them.
 */
export const findConfig = async (): Promise<{ config: Config; api: string; source: string }> => {
  const run = await findRunFile();
  if (!run) {
    const config = configFromEnvironment();
    return { config, api: addressOf(config), source: 'the environment' };
  }
  const config = loadConfig({
    DATABASE_URL: run.database_url,
    REDIS_QUEUE_URL: run.redis_queue_url,
    REDIS_CACHE_URL: run.redis_cache_url,
    ZYRA_ADMIN_KEY: run.keys.admin,
  });
  return { config, api: run.api, source: 'the running `npm start`' };
};

/** Work with the system's PostgreSQL: that of `--database`, else as `findConfig` finds it. */
export const withDatabase = async <T>(
  { database, queryTimeoutMs = 15_000 }: { database?: string | undefined; queryTimeoutMs?: number },
  work: (db: Db) => Promise<T>,
): Promise<T> => {
  const url = database ?? (await findConfig()).config.DATABASE_URL;
  const db = createDatabase(url, { poolSize: 2, queryTimeoutMs, name: 'zyra-cli' });
  try {
    return await work(db);
  } finally {
    await db.end();
  }
};
