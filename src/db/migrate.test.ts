import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../test/support/database.ts';
import { projectRoot } from '../config.ts';
import { OutageError } from '../errors.ts';
import { createDatabase as connect } from './database.ts';
import { MigrationError, migrate, pendingMigrations } from './migrate.ts';

const setup = async (files: Record<string, string> = {}) => {
  const { url, drop } = await createDatabase({ template: 'empty' });
  onTestFinished(drop);
  const folder = await mkdtemp(join(tmpdir(), 'zyra-migrations-'));
  const write = async (more: Record<string, string>) => {
    for (const [name, text] of Object.entries(more)) await writeFile(join(folder, name), text);
  };
  await write(files);
  const db = connect(url, { poolSize: 2, queryTimeoutMs: 10_000 });
  onTestFinished(async () => {
    await db.end();
    await rm(folder, { recursive: true });
  });
  const tables = async () => {
    const rows = await db<{ name: string }>`
      select tablename as name from pg_tables where schemaname = 'public' order by tablename`;
    return rows.map(({ name }) => name);
  };
  return { url, folder, write, db, tables };
};

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('should have been refused'),
    (error: unknown) => error as MigrationError,
  );

test('eight processes that start at once apply each file once', async () => {
  const { url, db } = await setup();
  const files = (await readdir(join(projectRoot, 'migrations'))).sort();
  expect(await pendingMigrations(db)).toEqual(files);

  const results = await Promise.all(Array.from({ length: 8 }, () => migrate(url)));

  // All by the one that got the lock first: the others found nothing left to do.
  expect(results.flatMap(({ applied }) => applied)).toEqual(files);
  const recorded = await db`select name from schema_migrations order by version`;
  expect(recorded.map(({ name }) => name)).toEqual(files);
  expect(await pendingMigrations(db)).toEqual([]);
});

test('a second run applies nothing, a later one only what is new', async () => {
  const { url, folder, write, db } = await setup({ '0001_one.sql': 'create table one (id int);' });
  expect(await migrate(url, { folder })).toEqual({ applied: ['0001_one.sql'] });
  expect(await migrate(url, { folder })).toEqual({ applied: [] });

  await write({ '0002_two.sql': 'create table two (id int)' });
  expect(await pendingMigrations(db, folder)).toEqual(['0002_two.sql']);
  expect(await migrate(url, { folder })).toEqual({ applied: ['0002_two.sql'] });
});

test('refuses a file that changed after it was applied, and leaves the new ones alone', async () => {
  const { url, folder, write, tables } = await setup({ '0001_one.sql': 'create table one (id int);' });
  await migrate(url, { folder });
  await write({
    '0001_one.sql': 'create table one (id bigint);',
    '0002_two.sql': 'create table two (id int);',
  });

  const error = await failure(migrate(url, { folder }));

  expect(error).toBeInstanceOf(MigrationError);
  expect(error.message).toContain('0001_one.sql');
  expect(await tables()).toEqual(['one', 'schema_migrations']);
});

test('a file that fails leaves nothing of itself, keeps those before it, and applies once mended', async () => {
  const { url, folder, write, tables } = await setup({
    '0001_one.sql': 'create table one (id int);',
    '0002_two.sql':
      '-- Größe 🙂\ncreate table two (id int);\ninsert into two values (1);\n\ninsert into two select oops;\n',
    '0003_three.sql': 'create table three (id int);',
  });

  const error = await failure(migrate(url, { folder }));

  expect(error).toBeInstanceOf(MigrationError);
  expect(error.message).toBe('0002_two.sql:5: column "oops" does not exist');
  expect(await tables()).toEqual(['one', 'schema_migrations']);

  await write({ '0002_two.sql': 'create table two (id int);' });
  expect(await migrate(url, { folder })).toEqual({ applied: ['0002_two.sql', '0003_three.sql'] });
});

test('accepts a database that newer code has migrated further, and says so', async () => {
  const { url, folder, write, db } = await setup({ '0001_one.sql': 'create table one (id int);' });
  await write({ '0002_two.sql': 'create table two (id int);' });
  await migrate(url, { folder });
  await rm(join(folder, '0002_two.sql'));
  const lines: string[] = [];

  expect(await migrate(url, { folder, log: (line) => lines.push(line) })).toEqual({ applied: [] });

  expect(lines).toEqual([expect.stringContaining('0002_two.sql')]);
  expect(await pendingMigrations(db, folder)).toEqual([]);
});

test.each([
  ['a number left out', ['0001_one.sql', '0003_three.sql'], '0003_three.sql'],
  ['a number used twice', ['0001_one.sql', '0001_uno.sql'], '0001_uno.sql'],
  ['a file without a number', ['0001_one.sql', 'two.sql'], 'two.sql'],
])('refuses %s before touching the database', async (_, names, culprit) => {
  const { url, folder, tables } = await setup(Object.fromEntries(names.map((name) => [name, 'select 1;'])));

  const error = await failure(migrate(url, { folder }));

  expect(error).toBeInstanceOf(MigrationError);
  expect(error.message).toContain(culprit);
  expect(await tables()).toEqual([]);
});

test('gives up waiting for a process that holds the lock for too long, and leaves no connection behind', async () => {
  const { url, folder, db, tables } = await setup({ '0001_one.sql': 'create table one (id int);' });
  const holder = postgres(url, { max: 1 });
  onTestFinished(() => holder.end());
  await holder`select pg_advisory_lock(${0x7a797261})`;

  const error = await failure(migrate(url, { folder, lockTimeoutMs: 100 }));

  expect(error).toBeInstanceOf(MigrationError);
  expect(error.message).toContain('another process');
  expect(await tables()).toEqual([]);
  const left = await db`
    select pid from pg_stat_activity where datname = current_database() and application_name = 'zyra-migrate'`;
  expect(left).toEqual([]);
});

test.each([
  ['closes every connection', (socket: Socket) => socket.resume().end()],
  ['never answers', (socket: Socket) => socket.resume()],
])('gives up on a server that %s', async (_, treat) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    treat(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;

  const error = await failure(migrate(`postgres://nobody@127.0.0.1:${port}/none`, { connectTimeoutMs: 300 }));

  expect(error).toBeInstanceOf(OutageError);
  await expect.poll(() => [...sockets].every((socket) => socket.destroyed)).toBe(true);
});

test('a killed migration leaves nothing of its file, and the next run applies it', async () => {
  const { url, folder, write, db, tables } = await setup({
    // Waits inside the file, after the table was created, for a lock that the test holds.
    '0001_one.sql': 'create table one (id int); select pg_advisory_xact_lock(1);',
  });
  const holder = postgres(url, { max: 1 });
  onTestFinished(() => holder.end());
  await holder`select pg_advisory_lock(1)`;

  const killed = failure(migrate(url, { folder }));
  await expect
    .poll(async () => {
      const rows = await db<{ done: boolean }>`
        select pg_terminate_backend(pid) as done from pg_stat_activity
        where datname = current_database() and application_name = 'zyra-migrate' and query like '%xact_lock(1)%'
          and wait_event = 'advisory'`;
      return rows.map(({ done }) => done);
    })
    .toEqual([true]);
  expect((await killed).message).not.toBe('');
  expect(await tables()).toEqual(['schema_migrations']);

  await holder`select pg_advisory_unlock(1)`;
  await write({ '0002_two.sql': 'create table two (id int);' });
  expect(await migrate(url, { folder })).toEqual({ applied: ['0001_one.sql', '0002_two.sql'] });
});
