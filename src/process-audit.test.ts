import { expect, test } from 'vitest';
import { setup } from '../test/support/setup.ts';
import { changedSettings, snapshotOf } from './config-snapshot.ts';
import { auditProcess } from './process-audit.ts';

test('the start of a process is entered, and the settings that changed since the last one, secrets by name only', async () => {
  const { db, parts, config } = await setup({ ZYRA_ADMIN_KEY: 'canary-admin-key-one-0000' });
  const entries = () => db<{ component: string; message: string; payload: { changes?: object[] } }>`
    select component, message, payload from system_audit order by id`;
  await auditProcess(parts, 'api').started();
  await auditProcess(parts, 'api').started();
  expect((await entries()).map(({ message }) => message)).toEqual([
    'process started',
    'configuration recorded',
    'process started',
  ]);

  const changed = {
    ...config,
    WAITING_MINUTES: 3,
    EVENT_WEIGHTS: { view: 2 },
    ZYRA_ADMIN_KEY: 'canary-admin-key-two-0000',
  };
  // Several processes of a cluster start at once; the change is entered once.
  await Promise.all([1, 2, 3].map(() => auditProcess({ ...parts, config: changed }, 'api').started()));
  const all = await entries();
  expect(all.filter(({ component }) => component === 'config').slice(1)).toEqual([
    {
      component: 'config',
      message: 'configuration changed',
      payload: {
        process: 'api',
        changes: [
          { setting: 'EVENT_WEIGHTS', from: config.EVENT_WEIGHTS, to: { view: 2 } },
          { setting: 'WAITING_MINUTES', from: config.WAITING_MINUTES, to: 3 },
          { setting: 'ZYRA_ADMIN_KEY' },
        ].sort((a, b) => (a.setting < b.setting ? -1 : 1)),
      },
    },
  ]);
  const [kept] = await db<{ text: string }>`select settings::text as text from config_snapshots`;
  for (const secret of ['canary-admin', config.ZYRA_SECRET, new URL(config.DATABASE_URL).host]) {
    expect(kept?.text).not.toContain(secret);
    expect(JSON.stringify(all)).not.toContain(secret);
  }
});

test('worker groups have a configuration each, so that they do not seem to change each other', async () => {
  const { db, parts, config } = await setup();
  for (const WORKER_QUEUES of ['interactions', 'catalog', 'interactions', 'catalog']) {
    await auditProcess({ ...parts, config: { ...config, WORKER_QUEUES } }, 'worker').started();
  }
  const found = await db<{ message: string }>`select message from system_audit where component = 'config'`;
  expect(found.map(({ message }) => message)).toEqual(['configuration recorded', 'configuration recorded']);
});

test('with another ZYRA_SECRET only that is named: of the other secrets nothing can be said', async () => {
  const { config } = await setup();
  const after = snapshotOf({ ...config, ZYRA_SECRET: 'x'.repeat(32), PORT: 1 });
  expect(changedSettings(snapshotOf(config), after)).toEqual([
    { setting: 'PORT', from: config.PORT, to: 1 },
    { setting: 'ZYRA_SECRET' },
  ]);
});

test('a stop waits a second for its entry and no longer, and one that fails is no error', async () => {
  const { parts } = await setup();
  const never = new Promise<never>(() => {});
  const hanging = Object.assign(() => never, { fragment: parts.db.fragment, end: parts.db.end });
  const began = performance.now();
  await auditProcess({ ...parts, db: hanging as typeof parts.db }, 'api').stopping('SIGTERM');
  expect(performance.now() - began).toBeLessThan(2_000);
  const failing = Object.assign(() => Promise.reject(new Error('away')), hanging);
  await auditProcess({ ...parts, db: failing as typeof parts.db }, 'api').started();
  await auditProcess(parts, 'api').stopping('SIGTERM');
  expect(await parts.db`select message, payload ->> 'signal' as signal from system_audit`).toEqual([
    { message: 'process stopping', signal: 'SIGTERM' },
  ]);
});
