import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { projectRoot } from '../config.ts';
import { OutageError } from '../errors.ts';
import type { Db } from './database.ts';
import { judgeDatabaseError } from './sql-state.ts';

export class MigrationError extends Error {
  override name = 'MigrationError';
}

interface MigrateOptions {
  folder?: string;
  log?: (line: string) => void;
  /** How long to wait for another process that is migrating the same database, in milliseconds. */
  lockTimeoutMs?: number;
  connectTimeoutMs?: number;
}

interface Migration {
  version: number;
  name: string;
}

const migrationsFolder = join(projectRoot, 'migrations');
const lockNotAvailable = '55P03';
const undefinedTable = '42P01';

/** Key of the advisory lock ("zyra" in ASCII). Such locks are per database, so other databases are not held up. */
const lockKey = 0x7a797261;

/**
 * Bring the database to the schema of `migrations/`: every file not applied yet, in order, each whole or not at all.
 * Any number of processes may call it at once. Needs a connection of its own to the server, not one through a pooler
 * in transaction mode. Files are only ever added: one that was applied and has changed since is refused, while a
 * database that already has newer ones is fine, since old and new processes run side by side during a deploy.
 * @throws MigrationError naming the file and the line where PostgreSQL saw the fault; OutageError when the server cannot be
 * reached; the driver's error when it refuses (no such database, a wrong password) or is lost on the way.
 */
export const migrate = async (
  databaseUrl: string,
  {
    folder = migrationsFolder,
    log = () => {},
    lockTimeoutMs = 60_000,
    connectTimeoutMs = 5_000,
  }: MigrateOptions = {},
): Promise<{ applied: string[] }> => {
  const migrations = await listMigrations(folder);
  const sql = postgres(databaseUrl, {
    max: 1,
    connect_timeout: connectTimeoutMs / 1_000,
    // Renewing the connection between two files would drop the lock.
    max_lifetime: null,
    onnotice: () => {},
    connection: { application_name: 'zyra-migrate', lock_timeout: lockTimeoutMs },
  });
  try {
    await reach(sql, connectTimeoutMs);
    await takeLock(sql, lockTimeoutMs);
    // From here on a lock is waited for only briefly: whoever waits to alter a table holds up all who come after.
    await sql`set lock_timeout = '10s'`;
    await sql`create table if not exists schema_migrations (
      version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
    )`;
    const landed = await sql<{ version: number; name: string; checksum: string }[]>`
      select version, name, checksum from schema_migrations order by version`;
    const landedByVersion = new Map(landed.map((row) => [row.version, row]));

    const pending: (Migration & { text: string; checksum: string })[] = [];
    for (const migration of migrations) {
      const text = await readFile(join(folder, migration.name), 'utf8');
      const checksum = createHash('sha256').update(text).digest('hex');
      const before = landedByVersion.get(migration.version);
      if (before === undefined) pending.push({ ...migration, text, checksum });
      else if (before.checksum !== checksum) {
        const remedy = 'undo the change and add a new file instead';
        throw new MigrationError(`${migration.name} is not what was applied as ${before.name}: ${remedy}`);
      }
    }
    for (const { name, version } of landed)
      if (version > migrations.length) log(`the database has ${name}, which is newer than this code`);

    for (const migration of pending) {
      const started = performance.now();
      await applyMigration(sql, migration);
      log(`applied ${migration.name} in ${Math.round(performance.now() - started)} ms`);
    }
    return { applied: pending.map(({ name }) => name) };
  } finally {
    // Every query has settled by now. After a lost connection the driver would wait for one all the same.
    await sql.end({ timeout: 1 });
  }
};

/** The files of `migrations/` this database has not had yet, in order; readiness waits until there are none. */
export const pendingMigrations = async (db: Db, folder = migrationsFolder): Promise<string[]> => {
  const migrations = await listMigrations(folder);
  const landed = await db<{ version: number }>`select version from schema_migrations`.catch(
    (error: unknown) => {
      if ((error as { code?: unknown }).code === undefinedTable) return [];
      throw error;
    },
  );
  const versions = new Set(landed.map(({ version }) => version));
  return migrations.filter(({ version }) => !versions.has(version)).map(({ name }) => name);
};

const listMigrations = async (folder: string): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return names.map((name, index) => {
    if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name))
      throw new MigrationError(`${name}: not named like 0001_what_it_does.sql`);
    const version = Number(name.slice(0, 4));
    // A number twice, or one left out, is two branches that met, or a file that did not make it into the package.
    if (version !== index + 1) throw new MigrationError(`${name}: number ${index + 1} was expected here`);
    return { version, name };
  });
};

/** Where connections are accepted and closed at once (a proxy before a server that is down), the driver tries for ever. */
const reach = async (sql: postgres.Sql, timeoutMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new OutageError(`no connection to PostgreSQL in ${timeoutMs} ms`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    await Promise.race([sql`select 1`, late]);
  } catch (error) {
    if (error instanceof OutageError || judgeDatabaseError(error) !== 'outage') throw error;
    throw new OutageError(`PostgreSQL: ${(error as Error).message}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
};

const takeLock = async (sql: postgres.Sql, lockTimeoutMs: number): Promise<void> => {
  try {
    await sql`select pg_advisory_lock(${lockKey})`;
  } catch (error) {
    if ((error as { code?: unknown }).code !== lockNotAvailable) throw error;
    const reason = `another process has been migrating this database for over ${lockTimeoutMs} ms`;
    throw new MigrationError(reason, { cause: error });
  }
};

/**
 * One message, which PostgreSQL runs as one transaction: unlike `sql.begin` nothing of it can end up on another
 * connection. It records the file before applying it, so that even without the lock no file could be applied twice.
 */
const applyMigration = async (
  sql: postgres.Sql,
  { version, name, checksum, text }: Migration & { text: string; checksum: string },
): Promise<void> => {
  // A message of several statements cannot have parameters; these values are digits, hex and a checked file name.
  const record = `insert into schema_migrations (version, name, checksum) values (${version}, '${name}', '${checksum}');\n`;
  try {
    await sql.unsafe(record + text);
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error;
    // PostgreSQL counts characters of the whole message from 1, and gives none for faults it meets while running.
    const offset = Number(error.position) - 1 - record.length;
    const place = offset >= 0 ? `${name}:${[...text].slice(0, offset).join('').split('\n').length}` : name;
    throw new MigrationError(`${place}: ${error.message}`, { cause: error });
  }
};
