import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';

/** The address of another database on the same server. */
export const onServer = (url: string, database: string): string => {
  const address = new URL(url);
  address.pathname = `/${database}`;
  return address.href;
};

/** Run one statement of administration, such as `create database`. */
export const adminQuery = async (url: string, statement: string): Promise<void> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
};

/** A database of the test's own: empty, or cloned from the migrated template. */
export const createDatabase = async ({
  template = 'empty',
}: {
  template?: 'empty' | 'migrated';
} = {}): Promise<{ url: string; drop(): Promise<void> }> => {
  const server = inject('postgresUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const source = template === 'migrated' ? 'zyra_template' : 'template0';
  // Copying its files takes an eighth of the time that writing every block of it to the log takes.
  await adminQuery(server, `create database ${name} template ${source} strategy file_copy`);
  return {
    url: onServer(server, name),
    drop: () => adminQuery(server, `drop database if exists ${name} with (force)`),
  };
};
