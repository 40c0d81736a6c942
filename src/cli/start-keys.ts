import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createApiKey, hashKey, listOpenKeys, type Scope } from '../db/api-keys.ts';
import type { Db } from '../db/database.ts';

export type Keys = Record<Scope, string>;

/** Write a file that only its owner may read, whole or not at all. */
export const writeSecret = async (file: string, content: unknown): Promise<void> => {
  await writeFile(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
};

/**
 * One key for each purpose, the same at every start: kept in `file`, readable by its owner only. Keys that the database
 * does not know, or no longer, are replaced.
 */
export const ensureKeys = async (db: Db, file: string): Promise<Keys> => {
  const kept: Partial<Keys> = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const known = new Set((await listOpenKeys(db)).map(({ key_hash }) => key_hash.toString('hex')));
  const ensure = async (purpose: Scope, scopes: Scope[]) => {
    const key = kept[purpose];
    if (key && known.has(hashKey(key).toString('hex'))) return key;
    return (await createApiKey(db, { app: `npm-start-${purpose}`, scopes })).key;
  };
  const keys = {
    write: await ensure('write', ['write']),
    read: await ensure('read', ['read']),
    admin: await ensure('admin', ['write', 'read', 'admin']),
  };
  await writeSecret(file, keys);
  return keys;
};

/** The secret of this system's data, the same at every start. */
export const ensureSecret = async (file: string): Promise<string> => {
  const kept = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  if (kept?.secret) return kept.secret;
  const secret = randomBytes(32).toString('hex');
  await writeSecret(file, { secret });
  return secret;
};
