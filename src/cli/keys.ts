import { Command } from 'commander';
import { createApiKey, listApiKeys, revokeApiKey, type Scope } from '../db/api-keys.ts';
import { uuid } from '../fields.ts';
import { withDatabase } from './connection.ts';
import { CommandError, UsageError } from './failure.ts';
import { printTable } from './table.ts';

interface KeyOptions {
  database?: string;
  json?: boolean;
}

const scopeNames: readonly string[] = ['write', 'read', 'admin'] satisfies Scope[];

const command = (name: string): Command =>
  new Command(name)
    .option('--database <url>', 'address of PostgreSQL (default: the running `npm start`, else DATABASE_URL)')
    .option('--json', 'print the result as JSON');

export const keysCommand = (): Command =>
  new Command('keys')
    .description('keys of the apps that call the API')
    .addCommand(
      command('create')
        .description('make a key; it is shown once and kept nowhere')
        .requiredOption('--app <name>', 'who will use it; ids and limits are kept apart by this name')
        .requiredOption(
          '--scopes <list>',
          'of write, read, admin, comma-separated; admin includes the others',
        )
        .action(create),
    )
    .addCommand(command('list').description('every key, revoked ones included').action(list))
    .addCommand(
      command('revoke')
        .description('close a key; running processes honour it within seconds')
        .argument('<key-id>', 'its id, as `zyra keys list` shows it')
        .action(revoke),
    );

const create = async ({
  app,
  scopes,
  ...options
}: KeyOptions & { app: string; scopes: string }): Promise<void> => {
  const wanted = [...new Set(scopes.split(',').map((scope) => scope.trim()))];
  const unknown = wanted.filter((scope) => !scopeNames.includes(scope));
  if (unknown.length > 0)
    throw new UsageError(`unknown scope "${unknown.join(', ')}"; there are ${scopeNames.join(', ')}`);
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,98}[\x21-\x7e])?$/.test(app))
    throw new UsageError('--app must be 1 to 100 printable characters');
  const made = await withDatabase(options, (db) => createApiKey(db, { app, scopes: wanted as Scope[] }));
  if (options.json) return void process.stdout.write(`${JSON.stringify({ ...made, app, scopes: wanted })}\n`);
  process.stderr.write(`Key ${made.key_id} for ${app} (${wanted.join(', ')}); it is not shown again:\n`);
  process.stdout.write(`${made.key}\n`);
};

const list = async (options: KeyOptions): Promise<void> => {
  const keys = await withDatabase(options, listApiKeys);
  if (options.json) return void process.stdout.write(`${JSON.stringify(keys)}\n`);
  printTable(
    ['key id', 'app', 'scopes', 'created', 'revoked'],
    keys.map((key) => [key.key_id, key.app, key.scopes.join(','), key.created_at, key.revoked_at ?? '']),
  );
};

const revoke = async (given: string, options: KeyOptions): Promise<void> => {
  const keyId = uuid.safeParse(given).data;
  if (keyId === undefined) throw new UsageError(`"${given}" is no key id; see \`zyra keys list\``);
  await withDatabase(options, async (db) => {
    if (!(await revokeApiKey(db, keyId))) throw new CommandError(`there is no open key ${keyId}`);
  });
  process.stdout.write(
    options.json ? `${JSON.stringify({ key_id: keyId, revoked: true })}\n` : `revoked ${keyId}\n`,
  );
};
