import { expect, test } from 'vitest';
import { createClient } from '../../test/support/client.ts';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { createApiKey, revokeApiKey } from '../db/api-keys.ts';
import type { Db } from '../db/database.ts';
import { OutageError } from '../errors.ts';
import { tallyRefusals } from './refusals.ts';

const start = async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  await system.db`delete from system_audit`;
  return { ...system, url, keys, admin: createClient(url, keys.admin) };
};

const entries = (db: Db, component: string) => db<{ severity: string; message: string; payload: object }>`
  select severity, message, payload from system_audit where component = ${component} order by id`;

test('is filtered by component, severity and time, paged without gaps or repeats, and counted under the same filter', async () => {
  const { db, admin } = await start();
  await db`
    insert into system_audit (component, severity, message, payload, created_at)
    select case n % 3 when 0 then 'events' when 1 then 'users' else 'keys' end,
      case when n % 5 = 0 then 'error' else 'info' end, 'entry ' || n, json_build_object('n', n),
      timestamptz '2026-03-01Z' + (n / 4) * interval '1 hour'
    from generate_series(1, 60) as n`;
  const all = async (query: string) => {
    const seen: number[] = [];
    let cursor = '';
    let counts: { component: string; severity: string; entries: number }[];
    do {
      const { json } = await admin.get(`/v1/admin/audit?limit=7${query}${cursor}`);
      seen.push(...json.items.map((item: { payload: { n: number } }) => item.payload.n));
      counts = json.counts;
      cursor = json.next_cursor && `&cursor=${json.next_cursor}`;
    } while (cursor);
    return { seen, counted: counts.reduce((sum, { entries: n }) => sum + n, 0), counts };
  };
  const numbers = (keep: (n: number) => boolean) => Array.from({ length: 60 }, (_, i) => 60 - i).filter(keep);

  for (const [query, keep] of [
    ['', () => true],
    ['&component=events', (n: number) => n % 3 === 0],
    ['&severity=error', (n: number) => n % 5 === 0],
    ['&component=users&severity=error', (n: number) => n % 3 === 1 && n % 5 === 0],
    ['&since=2026-03-01T03:00:00Z&until=2026-03-01T05:30:00%2B00:30', (n: number) => n >= 12 && n < 20],
    ['&component=nobody', () => false],
  ] as const) {
    const { seen, counted } = await all(query);
    expect(seen, query).toEqual(numbers(keep));
    expect(counted, query).toBe(seen.length);
  }
  expect((await all('&component=events')).counts).toEqual([
    { component: 'events', severity: 'error', entries: 4 },
    { component: 'events', severity: 'info', entries: 16 },
  ]);
  expect((await admin.get('/v1/admin/audit?severity=loud')).status).toBe(400);
});

test('keys that are made and revoked are entered, without the key', async () => {
  const { db } = await start();
  const { key_id, key } = await createApiKey(db, { app: 'shop', scopes: ['read', 'write'] });
  expect(await revokeApiKey(db, key_id)).toBe(true);
  expect(await revokeApiKey(db, key_id)).toBe(false);
  const found = await entries(db, 'keys');
  expect(found).toEqual([
    { severity: 'info', message: 'key created', payload: { key_id, app: 'shop', scopes: ['read', 'write'] } },
    { severity: 'info', message: 'key revoked', payload: { key_id, app: 'shop' } },
  ]);
  expect(JSON.stringify(found)).not.toContain(key);
});

test('refused requests are one entry with counts by reason, and nothing of the keys', async () => {
  const system = await setup();
  const { url, keys, close } = await system.startApi();
  const { db } = system;
  await db`delete from system_audit`;
  const ask = (authorization?: string, path = '/v1/events/00000000-0000-7000-8000-000000000000') =>
    fetch(url + path, authorization === undefined ? {} : { headers: { authorization } });
  for (let i = 0; i < 3; i += 1) await ask();
  for (let i = 0; i < 4; i += 1) await ask('Bearer zyra_guessed');
  await ask(`Bearer ${keys.write}`);
  await ask(`Bearer ${keys.read}`, '/v1/admin/status');
  await ask(undefined, '/admin/queues');
  await ask(`Basic ${btoa('x:zyra_guessed')}`, '/admin/queues');
  expect((await ask(`Bearer ${keys.read}`)).status).toBe(200);
  expect(await entries(db, 'keys')).toEqual([]);

  await close();
  expect(await entries(db, 'keys')).toEqual([]);
  system.startWorkers();
  const found = await eventually(async () => {
    const written = await entries(db, 'keys');
    expect(written).toHaveLength(1);
    return written;
  });
  expect(found).toEqual([
    {
      severity: 'warning',
      message: 'requests refused',
      payload: {
        since: expect.any(String),
        until: expect.any(String),
        no_key: 4,
        unknown_key: 5,
        no_scope_read: 1,
        no_scope_admin: 1,
      },
    },
  ]);
  expect(JSON.stringify(found)).not.toContain('guessed');
});

test('counts that the queue did not confirm go again, and are written once', async () => {
  const { db, log, producer, startWorkers } = await setup();
  let asked = 0;
  const tally = tallyRefusals(
    {
      async enqueue(job, payload, options) {
        asked += 1;
        const id = await producer.enqueue(job, payload, options);
        // It was taken, and the answer was lost.
        if (asked === 1) throw new OutageError('away');
        return id;
      },
    },
    log,
    20,
  );
  tally.count('no_key');
  await eventually(() => expect(asked).toBe(1));
  tally.count('unknown_key');
  await eventually(() => expect(asked).toBe(3));
  await tally.close();
  startWorkers();
  await eventually(async () => {
    const counts = await producer.queues.get('audit')?.getJobCounts('waiting', 'active', 'delayed');
    expect(counts).toEqual({ waiting: 0, active: 0, delayed: 0 });
  });
  expect(await entries(db, 'keys')).toMatchObject([
    { payload: { no_key: 1 } },
    { payload: { unknown_key: 1 } },
  ]);
});
