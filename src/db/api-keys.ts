import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Db } from './database.ts';

export type Scope = 'write' | 'read' | 'admin';

export interface ApiKey {
  key_id: string;
  app: string;
  scopes: Scope[];
  created_at: string;
  revoked_at: string | null;
}

/** Keys are long and random, so a plain hash is enough: there is nothing to guess that a slow hash would protect. */
export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Make a key for an app, with its entry in the audit. The key itself is returned once and kept nowhere. */
export const createApiKey = async (
  db: Db,
  { app, scopes }: { app: string; scopes: readonly Scope[] },
): Promise<{ key_id: string; key: string }> => {
  const key = `zyra_${randomBytes(24).toString('base64url')}`;
  const key_id = uuidv7();
  await db`
    with made as (
      insert into api_keys (key_id, app, scopes, key_hash)
      values (${key_id}, ${app}, ${scopes as string[]}, ${hashKey(key)})
      returning key_id, app, scopes
    )
    insert into system_audit (component, severity, message, payload)
    select 'keys', 'info', 'key created', json_build_object('key_id', key_id, 'app', app, 'scopes', scopes) from made`;
  return { key_id, key };
};

/** Every key, revoked ones included, without its hash. */
export const listApiKeys = (db: Db) => db<ApiKey>`
  select key_id, app, scopes, created_at, revoked_at from api_keys order by created_at, key_id`;

/** The hashes of the keys that open something now. */
export const listActiveKeyHashes = (db: Db) => db<{ key_hash: Buffer; app: string; scopes: Scope[] }>`
  select key_hash, app, scopes from api_keys where revoked_at is null`;

/**
 * Close a key, with its entry in the audit. Running API processes honour it within seconds. Returns false if there is no
 * such open key.
 */
export const revokeApiKey = async (db: Db, keyId: string): Promise<boolean> => {
  const revoked = await db`
    with closed as (
      update api_keys set revoked_at = now() where key_id = ${keyId} and revoked_at is null returning key_id, app
    )
    insert into system_audit (component, severity, message, payload)
    select 'keys', 'info', 'key revoked', json_build_object('key_id', key_id, 'app', app) from closed
    returning id`;
  return revoked.length > 0;
};
