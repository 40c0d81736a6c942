import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { countInteractions, insertProducts } from '../../test/support/shop.ts';
import { createApiKey, revokeApiKey } from '../db/api-keys.ts';
import { createIntake } from '../queue/intake.ts';
import { startCatalogue } from '../serving/catalogue.ts';
import { startExperiments } from '../serving/experiments.ts';
import { createListRequests } from '../serving/list-requests.ts';
import { startPopular } from '../serving/popular.ts';
import { createListReader } from '../serving/read-lists.ts';
import { createRecommendationLog } from '../serving/recommendation-log.ts';
import { createApp } from './app.ts';
import { maxJsonBytes } from './body.ts';
import { describing } from './openapi.ts';
import { routes } from './routes.ts';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const json = { 'content-type': 'application/json' };
const interaction = (fields: Record<string, unknown> = {}) => ({
  user_id: uuidv7(),
  product_id: uuidv7(),
  event_type: 'view',
  ...fields,
});

interface Layer {
  name: string;
  route?: { path: string; methods: Record<string, boolean> };
}

test('every mounted route needs its key, but for the public ones, and nothing is mounted that is not listed', async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const gate = { refusal: () => undefined, close: () => {} };
  const intake = createIntake({ ...system, gate }, { lingerMs: 1, batchEvents: 1, bufferEvents: 1 });
  const catalogue = await startCatalogue({ ...system.parts, prefix: system.prefix });
  const experiments = await startExperiments({
    ...system.parts,
    redis: system.producer.redis,
    prefix: system.prefix,
  });
  const recommendationLog = createRecommendationLog(system.parts);
  const popular = await startPopular({ ...system.parts, catalogue });
  const { app, close } = createApp({
    ...system.parts,
    intake,
    catalogue,
    experiments,
    recommendationLog,
    popular,
    lists: createListReader({ ...system.parts, prefix: system.prefix, catalogue }),
    listRequests: createListRequests(system.parts),
  });
  await close();
  popular.close();
  catalogue.close();
  await experiments.close();
  const stack = (app.router as unknown as { stack: Layer[] }).stack;
  const mounted = stack.flatMap(({ route }) =>
    route ? Object.keys(route.methods).map((method) => `${method} ${route.path}`) : [],
  );
  const listed = [...routes, describing(routes)];
  expect(mounted).toEqual(listed.map(({ method, path }) => `${method} ${path}`));
  // Docs three times, board three times, 404, errors: a further one needs a look.
  expect(stack.filter(({ route }) => !route)).toHaveLength(8);
  expect(listed.filter(({ scope }) => scope === 'public').map(({ path }) => path)).toEqual([
    '/healthz',
    '/readyz',
    '/openapi.json',
  ]);

  const other = { read: keys.write, write: keys.read, admin: keys.write };
  const revoked = await createApiKey(system.db, { app: 'gone', scopes: ['admin'] });
  await revokeApiKey(system.db, revoked.key_id);
  const expiresAt = new Date(Date.now() - 1).toISOString();
  const expired = await createApiKey(system.db, { app: 'over', scopes: ['admin'], expiresAt });
  const closed = [revoked.key, expired.key, 'zyra_unknown', 'x'.repeat(500), '{}'];
  for (const { method, path, scope } of listed) {
    const address = url + path.replaceAll(/:\w+/g, uuidv7());
    const ask = (headers: Record<string, string>) =>
      fetch(address, { method: method.toUpperCase(), headers });
    if (scope === 'public') {
      expect((await ask({})).status, path).toBe(200);
      continue;
    }
    const without = await ask({});
    expect(without.status, path).toBe(401);
    expect(without.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(without.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    for (const key of closed) expect((await ask(bearer(key))).status, path).toBe(401);
    expect((await ask({ authorization: `Basic ${btoa(`x:${keys.admin}`)}` })).status, path).toBe(401);
    expect((await ask(bearer(other[scope]))).status, path).toBe(403);
  }
  for (const path of ['', '/', '/static/js/main.js', '/api/queues', '/api/queues/interactions/1']) {
    const answer = await fetch(`${url}/admin/queues${path}`);
    expect(answer.status, path).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
    for (const key of [...closed, keys.write, keys.read]) {
      const { status } = await fetch(`${url}/admin/queues${path}`, {
        headers: { authorization: `Basic ${btoa(`x:${key}`)}` },
      });
      expect(status, path).toBe(401);
    }
  }
});

test('a key works within a second of being made and stops working when revoked', async () => {
  const { db, ...system } = await setup({ ZYRA_ADMIN_KEY: 'an-admin-key-from-the-environment' });
  const { url, keys } = await system.startApi();
  const ask = async (key: string) =>
    (await fetch(`${url}/v1/events/${uuidv7()}`, { headers: bearer(key) })).status;
  expect(await ask('an-admin-key-from-the-environment')).toBe(200);
  expect(await ask(keys.admin)).toBe(200);
  const { key, key_id } = await createApiKey(db, { app: 'late', scopes: ['read'] });
  await eventually(async () => expect(await ask(key)).toBe(200), 2_500);
  await revokeApiKey(db, key_id);
  await eventually(async () => expect(await ask(key)).toBe(401), 6_000);
});

test('hostile and broken requests get a problem, never a 5xx', async () => {
  const { startApi } = await setup();
  const { url, keys } = await startApi();
  const write = { ...bearer(keys.write), ...json };
  const read = bearer(keys.read);
  const post = (body: string | Buffer, headers: Record<string, string> = {}, path = '/v1/interactions') =>
    fetch(url + path, { method: 'POST', body, headers: { ...write, ...headers } });
  const big = JSON.stringify([interaction({ platform: 'x'.repeat(maxJsonBytes) })]);

  const cases: [expected: number, answer: Promise<Response>][] = [
    [400, post('{')],
    [400, post('')],
    [400, post('null')],
    [400, post('"text"')],
    [400, post('\ufeff{}')],
    [400, post(Buffer.from([0x22, 0xff, 0x22]))],
    [400, post('['.repeat(100_000))],
    [400, post(`{"device":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`)],
    [400, post('{"event_value":1e400}')],
    [413, post(big)],
    [413, post(gzipSync(big), { 'content-encoding': 'gzip' })],
    [400, post('not gzip', { 'content-encoding': 'gzip' })],
    [415, post('{}', { 'content-encoding': 'pigz' })],
    [415, post('{}', { 'content-type': 'text/plain' })],
    [415, post('{}', { 'content-type': 'application/json; charset=utf-16' })],
    [415, post('{}', {}, '/v1/events')],
    [400, post('{}', { 'idempotency-key': '' })],
    [400, post('{}', { 'idempotency-key': 'x'.repeat(256) })],
    [404, fetch(`${url}/v1/nothing`)],
    [404, fetch(`${url}/V1/interactions`, { method: 'POST' })],
    [404, fetch(`${url}/v1/interactions`, { method: 'DELETE', headers: write })],
    [
      404,
      fetch(`${url}/v1/interactions`, { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }),
    ],
    [400, fetch(`${url}/v1/events/%E0%A4%A`, { headers: read })],
    [400, fetch(`${url}/v1/events/%00`, { headers: read })],
    [400, fetch(`${url}/v1/events/not-a-uuid`, { headers: read })],
    [400, fetch(`${url}/v1/users/${uuidv7()}/history?limit=1&limit=2`, { headers: read })],
    [400, fetch(`${url}/v1/users/${uuidv7()}/history?limit=1e9`, { headers: read })],
    [400, fetch(`${url}/v1/users/${uuidv7()}/history?cursor=x`, { headers: read })],
    [400, fetch(`${url}/v1/users/${uuidv7()}/history?lmit=1`, { headers: read })],
    [404, fetch(`${url}/v1/users/${uuidv7()}/history`, { headers: read })],
    [400, fetch(`${url}/v1/admin/failed?job=%00`, { headers: bearer(keys.admin) })],
    [400, fetch(`${url}/v1/admin/audit?component=%00`, { headers: bearer(keys.admin) })],
    [
      400,
      post(
        JSON.stringify({ user_id: uuidv7(), items: [{ product_id: uuidv7(), unit_price: '`' }] }),
        {},
        '/v1/purchases',
      ),
    ],
  ];
  for (const [index, [expected, pending]] of cases.entries()) {
    const answer = await pending;
    const text = await answer.text();
    expect(answer.status, `case ${index}: ${text}`).toBe(expected);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(text)).toMatchObject({ type: 'about:blank', status: expected });
    expect(text).not.toMatch(/node_modules|at .*\.ts/);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  }
});

test('every answer has a request id and the security headers, and does not say what made it', async () => {
  const { startApi } = await setup();
  const { url } = await startApi();
  for (const path of ['/healthz', '/nothing', '/admin/queues', '/docs']) {
    const own = await fetch(url + path, { headers: { 'x-request-id': 'caller.1-A_b' } });
    await own.arrayBuffer();
    expect(own.headers.get('x-request-id')).toBe('caller.1-A_b');
    expect(own.headers.get('x-content-type-options')).toBe('nosniff');
    expect(own.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(own.headers.get('x-powered-by')).toBeNull();
    const minted = await fetch(url + path, { headers: { 'x-request-id': 'x'.repeat(65) } });
    await minted.arrayBuffer();
    expect(minted.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('an interaction is durable, applied once and readable; its repeat under a key has no second effect', async () => {
  const { db, ...system } = await setup();
  const { url, keys } = await system.startApi();
  system.startWorkers();
  const [product] = await insertProducts(db, 1);
  const user = uuidv7();
  const body = JSON.stringify([
    interaction({
      user_id: user,
      product_id: product,
      event_value: 1.5,
      created_at: '2026-01-31T10:00:00+05:30',
    }),
    interaction({ user_id: user, product_id: product, event_type: 'click' }),
  ]);
  const headers = { ...bearer(keys.write), ...json, 'idempotency-key': 'order 1' };
  const ids = await Promise.all(
    [1, 2, 3].map(async () => {
      const answer = await fetch(`${url}/v1/interactions`, { method: 'POST', body, headers });
      expect(answer.status).toBe(202);
      const accepted = (await answer.json()) as { accepted: number; event_ids: string[] };
      expect(accepted.accepted).toBe(2);
      return accepted.event_ids;
    }),
  );
  expect(new Set(ids.flat()).size).toBe(2);
  const read = async (path: string) => (await fetch(url + path, { headers: bearer(keys.read) })).json();
  await eventually(async () => {
    for (const id of ids[0] ?? [])
      expect(await read(`/v1/events/${id}`)).toEqual({ event_id: id, state: 'applied' });
  });
  await eventually(async () => expect((await system.account.totals()).settled).toBe(6));
  expect(await countInteractions(db)).toBe(2);

  const first = (await read(`/v1/users/${user}/history?limit=1`)) as { items: object[]; next_cursor: string };
  expect(first.items).toMatchObject([{ product_id: product, event_type: 'click', event_value: null }]);
  const second = await read(`/v1/users/${user}/history?limit=1&cursor=${first.next_cursor}`);
  expect(second).toMatchObject({
    user_id: user,
    items: [{ event_type: 'view', event_value: '1.5', created_at: '2026-01-31T04:30:00Z' }],
    next_cursor: null,
  });
});

test('an array with one bad event is refused whole and the field named', async () => {
  const { startApi, account } = await setup();
  const { url, keys } = await startApi();
  const events = Array.from({ length: 1_000 }, () => interaction());
  (events[37] as Record<string, unknown>).platform = 'a\0b';
  const headers = { ...bearer(keys.write), ...json };
  const answer = await fetch(`${url}/v1/interactions`, {
    method: 'POST',
    body: JSON.stringify(events),
    headers,
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ errors: [{ path: '/37/platform' }] });
  expect(await account.totals()).toMatchObject({ accepted: 0, settled: 0 });
});

test('while the queue has fallen behind events are refused before their body is read', async () => {
  const system = await setup({ INTAKE_BACKLOG_JOBS: '1' });
  const { url, keys } = await system.startApi();
  const headers = { ...bearer(keys.write), ...json };
  const post = () =>
    fetch(`${url}/v1/interactions`, { method: 'POST', headers, body: JSON.stringify(interaction()) });
  await eventually(async () => expect((await post()).status).toBe(503));

  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`${url}/v1/interactions`, {
      method: 'POST',
      headers: { ...headers, 'content-length': 1_000 },
    });
    request.on('response', (answer) => {
      resolve(answer.statusCode);
      request.destroy();
    });
    request.on('error', reject);
    request.write('[');
  });
  expect(status).toBe(503);
});

test('one log line a request names the route and the app, and no one', async () => {
  const { startApi, parts } = await setup({ LOG_LEVEL: 'info' });
  const lines: Record<string, unknown>[] = [];
  const child = { info: (line: Record<string, unknown>) => lines.push(line) };
  parts.log.child = (() => child) as unknown as typeof parts.log.child;
  const { url, keys } = await startApi();
  const user = uuidv7();
  await fetch(`${url}/v1/users/${user}/history?limit=3`, {
    headers: { ...bearer(keys.read), 'x-request-id': 'r1' },
  });
  await eventually(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toMatchObject({
    method: 'GET',
    route: '/v1/users/:user_id/history',
    status: 404,
    request_id: 'r1',
    app: 'test-read',
  });
  expect(JSON.stringify(lines)).not.toContain(user);
  expect(JSON.stringify(lines)).not.toContain(keys.read);
});

test('a request that is cut off in its body is no error of ours', async () => {
  const { startApi, metrics } = await setup();
  const { url, keys } = await startApi();
  await new Promise<void>((resolve) => {
    const headers = { ...bearer(keys.write), ...json, 'content-length': '1000' };
    const cut = httpRequest(`${url}/v1/interactions`, { method: 'POST', headers });
    cut.on('error', () => resolve());
    cut.write('[', () => setImmediate(() => cut.destroy(new Error('cut'))));
  });
  await eventually(async () => {
    const text = await metrics.registry.getSingleMetricAsString('zyra_http_request_seconds');
    expect(text).toMatch(/_count\{method="POST",route="\/v1\/interactions",status="(400|499)"\} 1/);
    expect(text).not.toMatch(/status="5/);
  });
});
