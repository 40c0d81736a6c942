import { Command } from 'commander';
import { createApiKey, listApiKeys, revokeApiKey, rotateApiKey, type Scope } from '../db/api-keys.ts';
import { instant, uuid } from '../fields.ts';
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
        .option('--expires <when>', 'after 90d or 12h, or at an RFC 3339 time (default: never)')
        .option('--rate <n/unit>', 'requests it may make, as 100/s or 30/m (default: any number)')
        .action(create),
    )
    .addCommand(command('list').description('every key, revoked and expired ones included').action(list))
    .addCommand(
      command('rotate')
        .description('make a key that opens the same; the old one works on for a while')
        .argument('<key-id>', 'its id, as `zyra keys list` shows it')
        .option('--grace <time>', 'how long the old one works on, as 24h or 30m', '24h')
        .action(rotate),
    )
    .addCommand(
      command('revoke')
        .description('close a key; running processes honour it within seconds')
        .argument('<key-id>', 'its id, as `zyra keys list` shows it')
        .action(revoke),
    );

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `90d`, `24h`, `30m`, `10s`. */
const parseSeconds = (given: string): number | undefined => {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(given) ?? [];
  return count === undefined ? undefined : Number(count) * (unitSeconds[unit] as number);
};

const parseExpiry = (given: string | undefined): string | undefined => {
  if (given === undefined) return undefined;
  const seconds = parseSeconds(given);
  const at =
    seconds === undefined
      ? instant.safeParse(given).data
      : new Date(Date.now() + seconds * 1_000).toISOString();
  if (at === undefined || Date.parse(at) <= Date.now())
    throw new UsageError(`--expires "${given}" is neither 90d or the like nor an RFC 3339 time to come`);
  return at;
};

/** In requests a second. */
const parseRate = (given: string | undefined): number | undefined => {
  if (given === undefined) return undefined;
  const [, count, unit] = /^([1-9]\d{0,6})\/([sm])$/.exec(given) ?? [];
  if (count === undefined) throw new UsageError(`--rate "${given}" is not like 100/s or 30/m`);
  return Number(count) / (unit === 'm' ? 60 : 1);
};

const create = async ({
  app,
  scopes,
  expires,
  rate,
  ...options
}: KeyOptions & { app: string; scopes: string; expires?: string; rate?: string }): Promise<void> => {
  const wanted = [...new Set(scopes.split(',').map((scope) => scope.trim()))];
  const unknown = wanted.filter((scope) => !scopeNames.includes(scope));
  if (unknown.length > 0)
    throw new UsageError(`unknown scope "${unknown.join(', ')}"; there are ${scopeNames.join(', ')}`);
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,98}[\x21-\x7e])?$/.test(app))
    throw new UsageError('--app must be 1 to 100 printable characters');
  const asked = { app, scopes: wanted as Scope[], expiresAt: parseExpiry(expires), rate: parseRate(rate) };
  const made = await withDatabase(options, (db) => createApiKey(db, asked));
  if (options.json) return void process.stdout.write(`${JSON.stringify({ ...made, app, scopes: wanted })}\n`);
  process.stderr.write(`Key ${made.key_id} for ${app} (${wanted.join(', ')}); it is not shown again:\n`);
  process.stdout.write(`${made.key}\n`);
};

const list = async (options: KeyOptions): Promise<void> => {
  const keys = await withDatabase(options, listApiKeys);
  if (options.json) return void process.stdout.write(`${JSON.stringify(keys)}\n`);
  printTable(
    ['key id', 'app', 'scopes', 'rate', 'created', 'expires', 'revoked'],
    keys.map((key) => [
      ...[key.key_id, key.app, key.scopes.join(','), key.rate === null ? '' : `${key.rate}/s`],
      ...[key.created_at, key.expires_at ?? '', key.revoked_at ?? ''],
    ]),
  );
};

const parseKeyId = (given: string): string => {
  const keyId = uuid.safeParse(given).data;
  if (keyId === undefined) throw new UsageError(`"${given}" is no key id; see \`zyra keys list\``);
  return keyId;
};

const rotate = async (
  given: string,
  { grace, ...options }: KeyOptions & { grace: string },
): Promise<void> => {
  const keyId = parseKeyId(given);
  const seconds = parseSeconds(grace);
  if (seconds === undefined) throw new UsageError(`--grace "${grace}" is not like 24h or 30m`);
  const made = await withDatabase(options, (db) => rotateApiKey(db, keyId, seconds));
  if (!made) throw new CommandError(`there is no open key ${keyId}`);
  if (options.json) return void process.stdout.write(`${JSON.stringify(made)}\n`);
  process.stderr.write(
    `Key ${made.key_id} opens what ${keyId} does, which ends at ${made.replaced_until}; it is not shown again:\n`,
  );
  process.stdout.write(`${made.key}\n`);
};

const revoke = async (given: string, options: KeyOptions): Promise<void> => {
  const keyId = parseKeyId(given);
  await withDatabase(options, async (db) => {
    if (!(await revokeApiKey(db, keyId))) throw new CommandError(`there is no open key ${keyId}`);
  });
  process.stdout.write(
    options.json ? `${JSON.stringify({ key_id: keyId, revoked: true })}\n` : `revoked ${keyId}\n`,
  );
};
