import { createHmac } from 'node:crypto';
import type { Config } from './config.ts';

/** A setting's value, or for a secret a keyed hash of it: enough to see that it changed. */
export type Settings = Record<string, unknown>;

export interface SettingChange {
  setting: string;
  /** Left out for secrets. */
  from?: unknown;
  to?: unknown;
}

/** By name, so that a setting added later is rather kept too secret than shown. Addresses hold passwords. */
const isSecret = (name: string): boolean => /URL|KEY|SECRET|PASSWORD|TOKEN/.test(name);

/** The configuration as it may be stored and compared. */
export const snapshotOf = (config: Config): Settings =>
  Object.fromEntries(
    Object.entries(config)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        name,
        isSecret(name)
          ? createHmac('sha256', config.ZYRA_SECRET).update(`${name}=${value}`).digest('hex').slice(0, 16)
          : value,
      ]),
  );

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** JSON from PostgreSQL has its keys in another order. */
const sorted = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** What changed, by name; values only of what is no secret. */
export const changedSettings = (before: Settings, after: Settings): SettingChange[] => {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => !same(before[name], after[name]));
  // The key of the hashes is itself a secret: with another one nothing can be said of the others.
  const rekeyed = changed.includes('ZYRA_SECRET');
  return changed
    .filter((name) => !rekeyed || !isSecret(name) || name === 'ZYRA_SECRET')
    .map((setting) =>
      isSecret(setting)
        ? { setting }
        : { setting, from: before[setting] ?? null, to: after[setting] ?? null },
    );
};
