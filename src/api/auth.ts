import { timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { hashKey, listOpenKeys, type Scope } from '../db/api-keys.ts';
import type { Db } from '../db/database.ts';
import type { Log } from '../log.ts';
import type { Producer } from '../queue/producer.ts';
import { createKeyLimits } from './key-limits.ts';
import { Problem, unavailable } from './problem.ts';
import { tallyRefusals } from './refusals.ts';

/** Who calls: the app a key belongs to, and what the key opens. */
export interface Caller {
  app: string;
  scopes: ReadonlySet<Scope>;
  keyId: string;
  /** Requests a second the key may make; null for any number. */
  rate: number | null;
}

export interface Keyring {
  /** The caller a key belongs to. A key made a moment ago is found, a revoked one is gone within seconds. */
  find(key: string): Promise<Caller | undefined>;
  /** Count a request of this caller. Milliseconds to wait when it is one more than its key may make. */
  spend(caller: Caller): Promise<number | undefined> | undefined;
  /** Count a request that was turned away: for its key, for its rate, or for want of this scope. */
  refused(why: 'no_key' | 'unknown_key' | 'over_rate' | Scope): void;
  close(): Promise<void>;
}

const refreshMs = 2_000;
/** Unknown keys make us look at most this often, so that guessing costs the database nothing. */
const lookAgainMs = 1_000;

interface Entry extends Caller {
  hash: Buffer;
  /** In milliseconds since 1970: also while PostgreSQL is away no key outlives its time. */
  expiresAt: number;
}

interface KeyringParts {
  db: Db;
  config: Config;
  log: Log;
  cache: Redis;
  producer: Producer;
}

const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString('base64');

/**
 * The open keys, by the hash of each, kept in memory and renewed in the background: a request costs no round trip, and
 * while PostgreSQL is away the known keys keep working.
 */
export const createKeyring = ({ db, config, log, cache, producer }: KeyringParts): Keyring => {
  const master = new Map<string, Entry>();
  if (config.ZYRA_ADMIN_KEY !== undefined) {
    const hash = hashKey(config.ZYRA_ADMIN_KEY);
    const scopes = new Set<Scope>(['admin']);
    master.set(keyOf(hash), { hash, app: 'admin', scopes, keyId: 'admin', rate: null, expiresAt: Infinity });
  }
  let entries: ReadonlyMap<string, Entry> = master;
  /** By the key itself, until keys are renewed: hashing one costs more than all else that finding it takes. */
  let recent = new Map<string, Entry>();
  let known = false;

  const look = async (): Promise<void> => {
    try {
      const rows = await listOpenKeys(db);
      const next = new Map<string, Entry>();
      for (const { key_hash: hash, key_id: keyId, app, scopes, expires_at, rate } of rows) {
        const expiresAt = expires_at === null ? Infinity : Date.parse(expires_at);
        next.set(keyOf(hash), { hash, keyId, app, scopes: new Set(scopes), rate, expiresAt });
      }
      for (const [key, entry] of master) next.set(key, entry);
      entries = next;
      recent = new Map();
      if (!known) log.info({ keys: next.size, msg: 'keys loaded' });
      known = true;
    } catch (error) {
      if (known) log.warn({ err: error, msg: 'keys cannot be renewed; the known ones keep working' });
      known = false;
    }
  };
  let looking: Promise<void> | undefined;
  const lookOnce = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  void lookOnce();
  const timer = setInterval(() => void lookOnce(), refreshMs);
  timer.unref();
  const refusals = tallyRefusals(producer, log);
  const limits = createKeyLimits({ redis: cache, prefix: config.REDIS_PREFIX, log });

  const lookUp = (hash: Buffer): Entry | undefined => {
    const entry = entries.get(keyOf(hash));
    return entry && timingSafeEqual(entry.hash, hash) && Date.now() < entry.expiresAt ? entry : undefined;
  };

  let askedAt = Number.NEGATIVE_INFINITY;
  const lookForUnknown = async (): Promise<void> => {
    const now = performance.now();
    if (now - askedAt < lookAgainMs) return looking;
    askedAt = now;
    // One that is under way may have been answered before the key was made.
    await looking;
    return lookOnce();
  };

  return {
    async find(key) {
      const seen = recent.get(key);
      if (seen && Date.now() < seen.expiresAt) return seen;
      const hash = hashKey(key);
      const entry = lookUp(hash);
      if (entry) {
        recent.set(key, entry);
        return entry;
      }
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, lookAgainMs);
      });
      await Promise.race([lookForUnknown(), late]);
      clearTimeout(timer);
      const found = lookUp(hash);
      if (!found && !known) throw unavailable('Keys cannot be checked right now; try again.');
      return found;
    },
    spend: ({ keyId, rate }) => (rate === null ? undefined : limits.spend(keyId, rate)),
    refused: (why) => refusals.count(isScope(why) ? `no_scope_${why}` : why),
    async close() {
      clearInterval(timer);
      await refusals.close();
    },
  };
};

const isScope = (why: string): why is Scope => why === 'write' || why === 'read' || why === 'admin';

const bearer = /^Bearer +([\x21-\x7e]{1,512}) *$/i;
const basic = /^Basic +([A-Za-z0-9+/=]{1,1024}) *$/i;

const unauthorized = (challenge: string, detail: string): Problem =>
  new Problem(401, detail, { headers: { 'WWW-Authenticate': challenge } });

const bearerRealm = 'Bearer realm="zyra"';

/** @throws Problem 429 when the caller's key has made its requests. */
const assertWithinRate = async (keyring: Keyring, caller: Caller): Promise<void> => {
  const waitMs = await keyring.spend(caller);
  if (waitMs === undefined) return;
  keyring.refused('over_rate');
  throw new Problem(429, `This key may make ${caller.rate} requests a second.`, {
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1_000))) },
  });
};

/**
 * The caller of a request, who holds the scope.
 * @throws Problem 401 without a valid key, 403 when it does not open this, 429 when it is over its rate.
 */
export const authorize = async (keyring: Keyring, request: Request, scope: Scope): Promise<Caller> => {
  const [, key] = bearer.exec(request.headers.authorization ?? '') ?? [];
  if (key === undefined) {
    keyring.refused('no_key');
    throw unauthorized(bearerRealm, 'A key is needed: Authorization: Bearer <key>.');
  }
  const caller = await keyring.find(key);
  if (!caller) {
    keyring.refused('unknown_key');
    throw unauthorized(`${bearerRealm}, error="invalid_token"`, 'This key is not known.');
  }
  if (caller.rate !== null) await assertWithinRate(keyring, caller);
  if (!allows(caller, scope)) {
    keyring.refused(scope);
    throw new Problem(403, `This key does not have the scope ${scope}.`);
  }
  return caller;
};

/** The admin scope includes the others. */
export const allows = ({ scopes }: Caller, scope: Scope): boolean => scopes.has(scope) || scopes.has('admin');

/**
 * As `authorize` for the admin scope, and for browsers also HTTP Basic with an admin key as password, whatever the user
 * name; the 401 makes the browser ask.
 */
export const authorizeBrowser = async (keyring: Keyring, request: Request): Promise<Caller> => {
  const given = request.headers.authorization ?? '';
  if (bearer.test(given)) return authorize(keyring, request, 'admin');
  const [, credentials] = basic.exec(given) ?? [];
  const text = Buffer.from(credentials ?? '', 'base64').toString();
  const password = text.slice(text.indexOf(':') + 1);
  const caller = password === '' ? undefined : await keyring.find(password);
  if (caller && allows(caller, 'admin')) {
    await assertWithinRate(keyring, caller);
    return caller;
  }
  keyring.refused(password === '' ? 'no_key' : caller ? 'admin' : 'unknown_key');
  throw unauthorized('Basic realm="zyra", charset="UTF-8"', 'Log in with an admin key as password.');
};

/**
 * Refuse a change that another site made a logged-in browser send. A key in `Authorization: Bearer` is never sent by
 * the browser itself, Basic credentials are.
 */
export const assertSameOrigin = (request: Request): void => {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  if (bearer.test(request.headers.authorization ?? '')) return;
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const same =
    site === undefined ? origin !== undefined && hostOf(origin) === request.host : site === 'same-origin';
  if (!same) throw new Problem(403, 'This change must come from the page itself.');
};

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;
