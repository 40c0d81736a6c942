import { hash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Db } from './database.ts';

export type Scope = 'write' | 'read' | 'admin';

export interface ApiKey {
  key_id: string;
  app: string;
  scopes: Scope[];
  created_at: string;
  revoked_at: string | null;
  /** From then on it opens nothing. */
  expires_at: string | null;
  /** Requests a second it may make; null for any number. */
  rate: number | null;
}

/** What a key is made with. `expiresAt` is RFC 3339, `rate` in requests a second. */
export interface NewKey {
  app: string;
  scopes: readonly Scope[];
  expiresAt?: string | undefined;
  rate?: number | undefined;
}

const mint = () => ({ key: `zyra_${randomBytes(24).toString('base64url')}`, key_id: uuidv7() });

/** Keys are long and random, so a plain hash is enough: there is nothing to guess that a slow hash would protect. */
export const hashKey = (key: string): Buffer => hash('sha256', key, 'buffer');

/** Make a key for an app, with its entry in the audit. The key itself is returned once and kept nowhere. */
export const createApiKey = async (
  db: Db,
  { app, scopes, expiresAt, rate }: NewKey,
): Promise<{ key_id: string; key: string }> => {
  const { key, key_id } = mint();
  await db`
    with made as (
      insert into api_keys (key_id, app, scopes, key_hash, expires_at, rate)
      values (
        ${key_id}, ${app}, ${scopes as string[]}, ${hashKey(key)}, ${expiresAt ?? null}::timestamptz,
        ${rate ?? null}::float8
      )
      returning key_id, app, scopes, expires_at, rate
    )
    insert into system_audit (component, severity, message, payload)
    select 'keys', 'info', 'key created', json_strip_nulls(to_json(made)) from made`;
  return { key_id, key };
};

/**
 * Make a key that opens the same as another and lives as long, and let the other end after the grace, if it does not
 * sooner. Undefined if there is no such open key.
 */
export const rotateApiKey = async (
  db: Db,
  keyId: string,
  graceSeconds: number,
): Promise<{ key_id: string; key: string; replaced_until: string } | undefined> => {
  const { key, key_id } = mint();
  const [rotated] = await db<{ until: string }>`
    with old as (
      select key_id, app, scopes, rate, expires_at - created_at as lifetime from api_keys
      where key_id = ${keyId} and revoked_at is null and (expires_at is null or expires_at > now())
      for update
    ), ended as (
      update api_keys
      set expires_at = least(api_keys.expires_at, now() + make_interval(secs => ${graceSeconds}::float8))
      from old where api_keys.key_id = old.key_id
      returning api_keys.expires_at
    ), made as (
      insert into api_keys (key_id, app, scopes, key_hash, expires_at, rate)
      select ${key_id}, app, scopes, ${hashKey(key)}::bytea, now() + lifetime, rate from old
    ), audited as (
      insert into system_audit (component, severity, message, payload)
      select 'keys', 'info', 'key rotated', json_build_object(
        'key_id', ${key_id}::uuid, 'app', app, 'replaces', key_id, 'replaced_until', expires_at)
      from old, ended
    )
    select expires_at as until from ended`;
  return rotated && { key_id, key, replaced_until: rotated.until };
};

/** Every key, revoked and expired ones included, without its hash. */
export const listApiKeys = (db: Db) => db<ApiKey>`
  select key_id, app, scopes, created_at, revoked_at, expires_at, rate from api_keys order by created_at, key_id`;

/** The keys that open something now, with the hash of each. */
export const listOpenKeys = (db: Db) => db<
  Pick<ApiKey, 'key_id' | 'app' | 'scopes' | 'expires_at' | 'rate'> & { key_hash: Buffer }
>`
  select key_id, key_hash, app, scopes, expires_at, rate from api_keys
  where revoked_at is null and (expires_at is null or expires_at > now())`;

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
