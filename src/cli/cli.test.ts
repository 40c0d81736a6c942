import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { drain } from '../../test/support/drain.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type System, setup } from '../../test/support/setup.ts';
import { countInteractions, insertProducts, interaction } from '../../test/support/shop.ts';
import { startSystem } from '../../test/support/system.ts';
import { projectRoot } from '../config.ts';
import { findFreePort } from '../embedded/endpoint.ts';

const scratch = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-cli-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
};

/** `npx zyra …` as a process of its own, in a folder and an environment that know of no other system. */
const zyra = async (args: readonly string[], { cwd = tmpdir(), input = '' } = {}) => {
  const command = [join(projectRoot, 'bin/zyra.mjs'), ...args];
  const child = spawn(process.execPath, command, { cwd, env: { PATH: process.env.PATH ?? '' } });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
};

const toLines = (events: readonly unknown[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

/** Views without an id or a time of their own, so that only the import itself can tell a repeat. */
const anonymousViews = async ({ db }: System, count: number) => {
  const [product_id] = await insertProducts(db, 1);
  const users = Array.from({ length: 50 }, () => uuidv7());
  return Array.from({ length: count }, (_, i) => ({
    type: 'interaction',
    user_id: users[i % users.length],
    product_id,
    event_type: 'view',
  }));
};

test('a file is imported once, however often it is sent; what was added behind its last full piece is new', async () => {
  const system = await setup();
  system.startWorkers();
  const { url, keys } = await system.startApi();
  const dir = await scratch();
  const views = await anonymousViews(system, 15_500);
  const file = join(dir, 'views.ndjson.gz');
  await writeFile(file, gzipSync(toLines(views.slice(0, 10_000))));
  const importing = () => zyra(['import', file, '--api', url, '--key', keys.admin, '--json']);

  for (let round = 0; round < 2; round += 1) {
    const { code, stdout, stderr } = await importing();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ files: [{ file, accepted: 10_000, rejected: 0, errors: [] }] });
    await drain(system);
    expect(await countInteractions(system.db)).toBe(10_000);
  }

  await writeFile(file, toLines(views));
  expect((await importing()).code).toBe(0);
  await drain(system);
  expect(await countInteractions(system.db)).toBe(15_500);
});

test('bad lines are named by their place in the file, and the good ones are taken', async () => {
  const system = await setup();
  system.startWorkers();
  const { url, keys } = await system.startApi();
  const [view, other, third] = await anonymousViews(system, 3);
  const input = `${toLines([view])}\n\n{"type":"interaction"\n${toLines([{ ...other, event_type: 'Not Good' }, third])}`;
  const { code, stderr, stdout } = await zyra(['import', '-', '--api', url, '--key', keys.write], { input });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^stdin:4: .*JSON/m);
  expect(stderr).toMatch(/^stdin:5: \/event_type must match/m);
  expect(stdout).toBe('stdin: 2 events taken, 2 lines rejected\n');
  await eventually(async () => expect(await countInteractions(system.db)).toBe(2));

  const nothing = await zyra(['import', '-', '--api', url, '--key', keys.write], { input: '{}\n[]\n' });
  expect(nothing.code).toBe(1);
  expect(nothing.stdout).toBe('stdin: 0 events taken, 2 lines rejected\n');
});

test('an API that is away is waited for, as long as one has patience', async () => {
  const port = await findFreePort();
  const system = await setup({ PORT: String(port) });
  system.startWorkers();
  const input = toLines(await anonymousViews(system, 100));
  const url = `http://127.0.0.1:${port}`;
  const admin = 'a-key-that-is-known-before-the-api-runs';
  const args = ['import', '-', '--api', url, '--key', admin];

  const impatient = await zyra([...args, '--patience', '0'], { input });
  expect(impatient.code).toBe(1);
  expect(impatient.stderr).toMatch(/^zyra: stdin: the API at .* took nothing for 0 s: .*ECONNREFUSED.*\n$/);

  const attempts = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  const patient = zyra(args, { input });
  await once(attempts, 'connection');
  await new Promise((resolve) => attempts.close(resolve));
  system.parts.config.ZYRA_ADMIN_KEY = admin;
  const { keys } = await system.startApi();
  expect(await patient).toMatchObject({ code: 0, stdout: 'stdin: 100 events taken, 0 lines rejected\n' });
  await eventually(async () => expect(await countInteractions(system.db)).toBe(100));

  const refused = await zyra(['import', '-', '--api', url, '--key', keys.read], { input });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^zyra: stdin: the API at .* refuses: 403 .*\n$/);
});

test('CSV becomes events by its mapping; a dry run prints them', async () => {
  const dir = await scratch();
  const csv = join(dir, 'list.csv');
  await writeFile(csv, 'id,name\nA,"One, two"\nB,\n');
  const mapping = join(dir, 'mapping.json');
  const fields = { product_id: { uuid: '{id}' }, name: 'name' };
  const namespace = uuidv7();
  await writeFile(mapping, JSON.stringify({ namespace, events: [{ type: 'product', fields }] }));
  const { code, stdout } = await zyra(['import', csv, '--mapping', mapping, '--dry-run']);
  expect(code).toBe(0);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map(({ type, name }) => [type, name])).toEqual([
    ['product', 'One, two'],
    ['product', undefined],
  ]);

  expect((await zyra(['import', csv, '--dry-run'])).stderr).toContain('CSV needs --mapping');
});

test('what is exported and imported elsewhere, twice, is what there was', async () => {
  const [from, to] = [await setup(), await setup()];
  from.startWorkers();
  to.startWorkers();
  const dir = await scratch();
  const [known] = await insertProducts(from.db, 1);
  await to.db`insert into products (product_id, name, available) values (${known as string}, 'the same', true)`;
  const session_id = uuidv7();
  const events = Array.from({ length: 4_500 }, (_, i) =>
    interaction({
      product_id: known,
      event_type: 'rate',
      event_value: `${i % 5}.25`,
      created_at: `2026-01-02T03:04:05.${String(i).padStart(6, '0')}Z`,
      ...(i % 2 ? { session_id, platform: 'web', device: { os: null, note: 'é\u2028' } } : {}),
    }),
  );
  await from.producer.enqueue(recordInteractions, { events });
  await eventually(async () => expect(await countInteractions(from.db)).toBe(4_500));

  const out = join(dir, 'all.ndjson.gz');
  const exported = await zyra([
    'export',
    '--types',
    'interaction',
    '--out',
    out,
    '--database',
    from.databaseUrl,
  ]);
  expect(exported).toEqual({ code: 0, stdout: 'interaction 4500\n', stderr: '' });
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  expect(
    gunzipSync(await readFile(out))
      .toString()
      .trimEnd()
      .split('\n'),
  ).toHaveLength(4_500);

  const { url, keys } = await to.startApi();
  for (let round = 0; round < 2; round += 1)
    expect((await zyra(['import', out, '--api', url, '--key', keys.admin])).code).toBe(0);
  await drain(to);
  const rows = ({ db }: System) => db`
    select user_id, product_id, session_id, event_type, event_value, platform, device::text, created_at
    from interactions order by created_at, user_id`;
  expect(await rows(to)).toEqual(await rows(from));
});

test('every table is exported, without a password hash', async () => {
  const { db, databaseUrl } = await setup();
  const [product] = (await insertProducts(db, 1)) as [string];
  const [user, order, review] = [uuidv7(), uuidv7(), uuidv7()];
  await db`insert into categories (name, slug) values ('Top', 'top')`;
  await db`insert into categories (name, slug, parent_id) select 'Sub', 'sub', category_id from categories`;
  await db`update products set category_id = (select category_id from categories where slug = 'sub'),
    price = 12.30, tags = '{a,"b c"}'`;
  await db`insert into users (user_id, username, password_hash, is_anonymous, is_active)
    values (${user}, 'someone', 'secret-hash', false, true)`;
  await db`insert into product_images (image_id, product_id, s3_key) values (${uuidv7()}, ${product}, 'k')`;
  await db`insert into sessions (session_id, user_id) values (${uuidv7()}, ${user})`;
  await db`insert into purchase_history (user_id, product_id, quantity, unit_price, total_price, order_id)
    values (${user}, ${product}, 2, 1.50, 3, ${order}), (${user}, ${product}, 1, 2, 2, ${order}),
      (${user}, ${product}, 1, 5, 5, null)`;
  await db`insert into reviews (review_id, user_id, product_id, rating, is_approved)
    values (${review}, ${user}, ${product}, 4, false)`;
  await db`insert into review_helpful_votes (review_id, user_id) values (${review}, ${user})`;
  await db`insert into user_cart (user_id, product_id, quantity) values (${user}, ${product}, 3)`;
  await db`insert into user_wishlist (user_id, product_id) values (${user}, ${product})`;

  const { code, stdout } = await zyra(['export', '--database', databaseUrl, '--json']);
  expect(code).toBe(0);
  expect(stdout).not.toContain('secret-hash');
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map(({ type }) => type)).toEqual([
    ...['category', 'category', 'product', 'image', 'user', 'session'],
    ...['purchase', 'purchase', 'review', 'review', 'vote', 'cart', 'wishlist'],
  ]);
  expect(events[1]).toEqual({ type: 'category', slug: 'sub', name: 'Sub', parent_slug: 'top' });
  expect(events[2]).toMatchObject({
    category_slug: 'sub',
    price: '12.30',
    tags: ['a', 'b c'],
    available: true,
  });
  expect(events[6]).toMatchObject({
    event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    order_id: order,
    items: [
      { product_id: product, quantity: 2, unit_price: '1.50' },
      { product_id: product, quantity: 1, unit_price: '2.00' },
    ],
  });
  expect(events[7]).not.toHaveProperty('order_id');
  expect(events[9]).toMatchObject({ op: 'patch', review_id: review, is_approved: false });
});

test('a key made by the command opens the API until it is revoked', async () => {
  const system = await setup();
  const { url } = await system.startApi();
  const keys = (...args: string[]) => zyra(['keys', ...args, '--database', system.databaseUrl, '--json']);
  const made = JSON.parse((await keys('create', '--app', 'web shop', '--scopes', 'write,read')).stdout);
  expect(made).toMatchObject({ app: 'web shop', scopes: ['write', 'read'] });

  const status = async () => {
    const path = `${url}/v1/events/${uuidv7()}`;
    return (await fetch(path, { headers: { authorization: `Bearer ${made.key}` } })).status;
  };
  await eventually(async () => expect(await status()).toBe(200));
  const listed = (await keys('list')).stdout;
  expect(JSON.parse(listed)).toContainEqual(
    expect.objectContaining({ key_id: made.key_id, revoked_at: null }),
  );
  expect(listed).not.toContain(made.key);

  expect((await keys('revoke', made.key_id)).code).toBe(0);
  await eventually(async () => expect(await status()).toBe(401));
  expect(await keys('revoke', made.key_id)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no open key'),
  });
  const of = (...more: string[]) => keys('create', '--app', 'x', '--scopes', 'read', ...more);
  expect((await keys('create', '--app', 'x', '--scopes', 'wriet')).code).toBe(2);
  for (const wrong of [
    ['--rate', '5'],
    ['--expires', '2020-01-01T00:00:00Z'],
  ])
    expect((await of(...wrong)).code, wrong.join(' ')).toBe(2);

  const limited = JSON.parse((await of('--rate', '30/m', '--expires', '90d')).stdout);
  const rotated = JSON.parse((await keys('rotate', limited.key_id, '--grace', '1h')).stdout);
  const rows = (JSON.parse((await keys('list')).stdout) as Record<string, string>[]).slice(-2);
  expect(rows).toMatchObject([
    { key_id: limited.key_id, rate: 0.5, expires_at: rotated.replaced_until },
    { key_id: rotated.key_id, rate: 0.5, app: 'x', scopes: ['read'], revoked_at: null },
  ]);
  const hours = rows.map(({ expires_at = '' }) => (Date.parse(expires_at) - Date.now()) / 3_600_000);
  expect(hours.map(Math.round)).toEqual([1, 90 * 24]);
  expect((await keys('rotate', made.key_id)).code).toBe(1);
}, 120_000);

test('a parked event can be listed, shown, repaired and replayed', async () => {
  const system = await setup();
  system.startWorkers();
  const { url, keys } = await system.startApi();
  const [product_id] = await insertProducts(system.db, 1);
  const bad = interaction({ product_id, event_type: 'Not Good' });
  await system.producer.enqueue(recordInteractions, { events: [bad] });
  const failed = (...args: string[]) => zyra(['failed', ...args, '--api', url, '--key', keys.admin]);

  await eventually(async () => expect((await failed('list')).stdout).toContain(bad.event_id));
  expect((await failed('list', '--reason', 'other', '--json')).stdout).toBe('[]\n');
  const shown = JSON.parse((await failed('show', bad.event_id, '--json')).stdout);
  expect(shown).toMatchObject({
    event_id: bad.event_id,
    reason: 'invalid',
    payload: { event_type: 'Not Good' },
  });

  const useless = await failed('replay', bad.event_id, '--patch', '{"event_type":"Still Bad"}');
  expect(useless.code).toBe(1);
  expect(useless.stderr).toContain('event_type');
  const replayed = await failed('replay', bad.event_id, '--patch', '{"event_type":"view"}', '--json');
  expect(replayed.code).toBe(0);
  expect(JSON.parse(replayed.stdout)).toMatchObject({ replayed: 1 });
  await eventually(async () => expect(await countInteractions(system.db)).toBe(1));

  const gone = await failed('show', bad.event_id);
  expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining('not parked but applied') });
  expect((await failed('replay', '--all')).stdout).toBe('0 events queued again\n');
});

test('the doctor finds a healthy system healthy, and names what is broken', async () => {
  const system = await startSystem();
  const cwd = await scratch();
  await mkdir(join(cwd, '.zyra'));
  const { url, keys, servers } = system;
  const run = {
    ...{ api: url, keys, database_url: servers.postgres.url },
    ...{ redis_queue_url: servers.queue.url, redis_cache_url: servers.cache.url },
  };
  await writeFile(join(cwd, '.zyra/run.json'), JSON.stringify(run));
  const doctor = async () => {
    const { code, stdout } = await zyra(['doctor', '--json'], { cwd });
    const findings: { check: string; state: string; says: string; todo?: string }[] = JSON.parse(stdout);
    return { code, findings, failed: findings.filter(({ state }) => state === 'failed') };
  };

  const healthy = await doctor();
  expect(healthy.failed).toEqual([]);
  expect(healthy.code).toBe(0);
  const passed = healthy.findings.filter(({ state }) => state === 'ok').map(({ check }) => check);
  expect(passed).toEqual(
    expect.arrayContaining(
      [
        'config',
        'node',
        'faiss',
        'postgresql',
        'migrations',
        'write test',
        'keys',
        'clock',
        'parked events',
      ].concat(['queue redis', 'queue durability', 'cache redis', 'workers', 'api']),
    ),
  );
  const left = await system.db`select 1 from processed_events`;
  expect(left).toEqual([]);

  await system.processes.worker.stop();
  await system.kill('cache');
  const broken = await doctor();
  expect(broken.code).toBe(1);
  expect(broken.failed.map(({ check }) => check).sort()).toEqual(['api', 'cache redis', 'workers']);
  for (const { todo } of broken.failed) expect(todo).toBeTruthy();

  await system.kill('postgres');
  const worse = await zyra(['doctor'], { cwd });
  expect(worse.code).toBe(1);
  expect(worse.stdout).toMatch(/FAILED +postgresql +\S/);
  expect(worse.stdout).not.toContain(keys.admin);
}, 120_000);

test.concurrent.each([
  [['bogus'], 2],
  [['import'], 2],
  [['import', '/no/such/file', '--api', 'http://127.0.0.1:1', '--key', 'k'], 2],
  [['import', '-', '--concurrency', 'many'], 2],
  [['export', '--types', 'interactoin'], 2],
  [['failed', 'replay'], 2],
  [['failed', 'replay', 'not-an-id'], 2],
  [['keys', 'revoke', 'not-an-id'], 2],
  [['failed', 'list', '--api', 'http://127.0.0.1:1', '--key', 'k'], 1],
  [['keys', 'list', '--database', 'postgres://nobody@127.0.0.1:1/none'], 1],
  [['--help'], 0],
  [['import', '--help'], 0],
] as const)('%j ends with %i and no stack', async (args, expected) => {
  const { code, stdout, stderr } = await zyra(args);
  expect(code).toBe(expected);
  expect(stderr).not.toMatch(/^\s+at /m);
  if (expected === 0) expect(stdout).toContain('Usage:');
  else expect(stderr).toMatch(/\S/);
});
