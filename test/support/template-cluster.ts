import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrate } from '../../src/db/migrate.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';

/** Where the one of this run is, for the processes that run the tests; without it every system makes its cluster anew. */
const variable = 'ZYRA_TEST_CLUSTER';

/** Have a PostgreSQL cluster with the migrated database in `dir`, shut down in order, for `copyCluster`. */
export const makeTemplateCluster = async (dir: string): Promise<void> => {
  const server = await startPostgres({ dir, tune: { fsync: 'off' } });
  await migrate(server.url);
  await server.stop();
  // Whoever starts a copy takes a port of their own.
  const file = join(dir, 'endpoint.json');
  const { password } = JSON.parse(await readFile(file, 'utf8')) as { password: string };
  await writeFile(file, JSON.stringify({ password }));
  process.env[variable] = dir;
};

/** Let `dir`, which must not be there yet, be a copy of the template, if there is one: it costs a fraction of `initdb`. */
export const copyCluster = async (dir: string): Promise<void> => {
  const template = process.env[variable];
  // As root, the files belong to whom PostgreSQL runs as, and must stay theirs.
  if (template) await promisify(execFile)('cp', ['-a', template, dir]);
};
