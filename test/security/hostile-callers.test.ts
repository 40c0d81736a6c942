import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { maxJsonBytes } from '../../src/api/body.ts';
import { createClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { dumpRedis, dumpTables } from '../support/everything.ts';
import { type RunningSystem, startSystem } from '../support/system.ts';

const rssMiB = async (pid: number): Promise<number> => {
  const [, kiB] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kiB) / 1_024;
};

/** What comes back for octets as they are; the empty string when the connection is just closed. */
const talk = (url: string, octets: string, then: 'end' | 'cut' | 'wait' = 'end') =>
  new Promise<string>((resolve) => {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    let got = '';
    socket.setEncoding('latin1').on('data', (more) => {
      got += more;
    });
    socket.on('error', () => {}).on('close', () => resolve(got));
    if (then === 'end') socket.end(octets);
    else socket.write(octets, () => then === 'cut' && socket.destroySoon());
  });

const event = (fields: object = {}) => ({
  user_id: uuidv7(),
  product_id: uuidv7(),
  event_type: 'view',
  ...fields,
});

/** JSON of exactly so many octets. */
const ofSize = (bytes: number): string => {
  const body = JSON.stringify([event({ platform: '' })]);
  return body.replace('"platform":""', `"platform":"${'x'.repeat(bytes - body.length)}"`);
};

const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const manyKeys = `{${Array.from({ length: 10_000 }, (_, at) => `"k${at}":${at}`).join()}}`;

/** Bodies that want more than they are given. */
const expectLimits = async ({ url, keys, processes }: RunningSystem) => {
  const headers = { authorization: `Bearer ${keys.write}`, 'content-type': 'application/json' };
  const post = (body: string | Buffer, more: Record<string, string> = {}, path = '/v1/interactions') =>
    fetch(url + path, { method: 'POST', body: body as string, headers: { ...headers, ...more } }).then(
      async (answer) => {
        expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
        return { status: answer.status, problem: (await answer.json()) as Record<string, unknown> };
      },
    );
  expect((await post(ofSize(maxJsonBytes))).status).toBe(400);
  const before = await rssMiB(processes.api.pid);

  expect((await post(ofSize(maxJsonBytes + 1))).status).toBe(413);
  const zeros = Buffer.alloc(10 * 1024 * 1024, 0x20);
  // Members of gzip one after another: 10 GiB in 10 MiB.
  const member = gzipSync(zeros);
  const bomb = Buffer.concat(Array.from({ length: 1_000 }, () => member));
  expect((await post(bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
  expect((await post(deflateSync(zeros), { 'content-encoding': 'deflate' })).status).toBe(413);
  expect((await post(brotliCompressSync(zeros), { 'content-encoding': 'br' })).status).toBe(413);
  const lines = { 'content-encoding': 'gzip', 'content-type': 'application/x-ndjson' };
  const endless = Buffer.concat(Array.from({ length: 20 }, () => member));
  expect(await post(endless, lines, '/v1/events')).toMatchObject({ status: 400, problem: { rejected: 1 } });

  expect((await post(JSON.stringify(event({ device: JSON.parse(manyKeys) })))).status).toBe(400);
  expect((await post(manyKeys)).problem.errors).toHaveLength(100);
  expect((await post(`{"device":${deep(1_000)}}`)).status).toBe(400);
  expect((await post(deep(100_000))).status).toBe(400);
  expect((await post(JSON.stringify(Array.from({ length: 1_001 }, () => event())))).status).toBe(400);
  expect((await post(`{"event_value":${'9'.repeat(1_000_000)}}`)).status).toBe(400);

  const head = `POST /v1/interactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.write}\r\nContent-Type: application/json\r\n`;
  const one = JSON.stringify(event());
  // Longer than announced: the rest is read as a request of its own, which it is not; that may be said first.
  const tooLong = await talk(url, `${head}Content-Length: ${one.length}\r\n\r\n${one}GARBAGE\r\n\r\n`);
  expect(tooLong).toMatch(/^HTTP\/1\.1 400 |^HTTP\/1\.1 202 [\s\S]*HTTP\/1\.1 400 /);
  for (const broken of [
    `${head}Content-Length: ${one.length + 10}\r\n\r\n${one}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${one.length.toString(16)}\r\n${one}\r\n`,
  ])
    expect(await talk(url, broken, 'cut')).toMatch(/^$|^HTTP\/1\.1 400 /);
  const smuggled = `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/admin/status HTTP/1.1\r\nHost: x\r\n\r\n`;
  expect(await talk(url, smuggled)).toMatch(/^HTTP\/1\.1 400 (?![\s\S]*HTTP\/1\.1)/);

  await eventually(async () => expect((await rssMiB(processes.api.pid)) - before).toBeLessThan(40), 30_000);
};

/** What headers say of hosts, methods and origins changes nothing and comes back nowhere. */
const expectNoReflection = async ({ url, keys }: RunningSystem) => {
  const evil = 'evil.example';
  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(url + path, { method, headers, setHost: false }, (response) => {
        let text = JSON.stringify(response.headers);
        response.setEncoding('utf8').on('data', (more) => {
          text += more;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject).end();
    });
  const spoofs = {
    host: evil,
    'x-forwarded-host': evil,
    'x-forwarded-for': '1.2.3.4',
    forwarded: `host=${evil}`,
    origin: `https://${evil}`,
    referer: `https://${evil}/`,
  };
  const auth = { authorization: `Bearer ${keys.admin}` };
  for (const path of [
    '/healthz',
    '/docs',
    '/docs/',
    '/openapi.json',
    '/nothing',
    '/admin/queues',
    '/v1/categories',
    `/v1/search?q=${evil}x`,
  ]) {
    const { text } = await ask(path, { ...spoofs, ...auth, 'x-request-id': 'a\tb' });
    if (!path.includes('?')) expect(text, path).not.toContain(evil);
    expect(text.toLowerCase()).not.toContain('access-control-allow');
    for (const header of [
      'content-security-policy',
      'x-content-type-options',
      'strict-transport-security',
      'referrer-policy',
    ])
      expect(text, path).toContain(`"${header}"`);
  }
  const id = uuidv7();
  for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
    const { status } = await ask(`/v1/users/${id}?_method=DELETE`, { host: 'x', ...auth, [name]: 'DELETE' });
    expect(status).toBe(404);
  }
  expect(
    (
      await ask(
        '/v1/categories',
        { host: 'x', ...auth, origin: `https://${evil}`, 'access-control-request-method': 'DELETE' },
        'OPTIONS',
      )
    ).status,
  ).toBe(404);
  const two = await talk(
    url,
    `GET /v1/categories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nonsense\r\nAuthorization: Bearer ${keys.admin}\r\nConnection: close\r\n\r\n`,
    'wait',
  );
  expect(two).toMatch(/^HTTP\/1\.1 (400|401) /);
};

/** What must not be seen: each through everything that can go wrong with it, and then nowhere but in its own column. */
const expectNoLeak = async (system: RunningSystem) => {
  const { url, keys, db, dir, servers } = system;
  const mark = (name: string) => `canary-${name}-${uuidv7().slice(-8)}`;
  const [password, email, cookie, card, key] = ['password', 'email', 'cookie', 'card', 'key'].map(mark) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const hidden = [password, email, cookie, card, key];
  const api = createClient(url, keys.admin);
  const answers: string[] = [];
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const {
      status,
      text,
      headers: got,
    } = await api.call(method, path, body, { cookie: `session=${cookie}`, ...headers });
    expect(status, path).toBeLessThan(500);
    answers.push(text, JSON.stringify([...got]));
  };
  const user = uuidv7();
  const person = { password_hash: password, email: `${email}@shop.example`, profile: { card } };
  await send('PUT', `/v1/users/${user}`, person);
  // Refused at the door: a field that is wrong, one too many, one twice.
  await send('PUT', `/v1/users/${user}`, { ...person, is_active: password });
  await send('PUT', `/v1/users/${user}`, { ...person, last_seen_at: email, nickname: card });
  await send('PUT', `/v1/users/${user}`, `{"password_hash":"${password}","email":${email}}`);
  await send('POST', '/v1/events', JSON.stringify({ type: 'user', user_id: user, ...person, op: password }), {
    'content-type': 'application/x-ndjson',
  });
  // Of somebody else: the person's own answer may well have the e-mail.
  await send('GET', `/v1/users/${uuidv7()}?password=${password}`);
  await send('GET', `/v1/search?q=${card}&passwd=${password}`);
  await send('GET', '/v1/categories', undefined, { authorization: `Bearer ${key}` });
  await send('GET', '/admin/queues', undefined, { authorization: `Basic ${btoa(`x:${key}`)}` });
  // Refused by a rule in PostgreSQL, so that it is parked: the name is taken.
  await send('PUT', `/v1/users/${uuidv7()}`, { username: 'taken' });
  await send('PUT', `/v1/users/${uuidv7()}`, { ...person, username: 'taken' });
  await eventually(async () => {
    const [row] = await db<{ parked: number }>`select count(*)::integer as parked from parked_events`;
    expect(row?.parked).toBeGreaterThan(0);
  }, 30_000);
  // A table that is no table any more: the job fails, with PostgreSQL's words, and is tried again.
  await db`alter table users rename to users_gone`;
  await send('PUT', `/v1/users/${user}`, { ...person, profile: { card, twice: true } });
  const worker = () => readFile(join(dir, 'worker.log'), 'utf8');
  await eventually(async () => expect(await worker()).toMatch(/users/), 30_000);
  const inQueue = (await dumpRedis(servers.queue.url)).filter(
    (line) => line.includes('failedReason') || line.includes('stacktrace'),
  );
  expect(inQueue.join()).toMatch(/42P01|does not exist/);
  for (const reason of inQueue.flatMap((line) =>
    [...line.matchAll(/"(?:failedReason|stacktrace)":"((?:\\.|[^"\\])*)"/g)].map(([, text]) => text ?? ''),
  ))
    for (const canary of hidden) expect(reason).not.toContain(canary);
  await db`alter table users_gone rename to users`;
  await eventually(async () => {
    const { json } = await api.get('/v1/admin/status');
    expect(json).toMatchObject({ idle: true });
  }, 90_000);

  answers.push(
    (await api.get('/metrics')).text,
    (await api.get('/v1/admin/failed?state=waiting')).text,
    (await api.get('/v1/admin/audit')).text,
  );
  const own = await api.get(`/v1/users/${user}`);
  expect(own.text).toContain(email);
  expect(own.text).not.toContain(password);
  const logs = await Promise.all(
    ['api', 'worker', 'scheduler'].map((name) => readFile(join(dir, `${name}.log`), 'utf8')),
  );
  const redis = [...(await dumpRedis(servers.queue.url)), ...(await dumpRedis(servers.cache.url))].join('\n');
  const urls = Object.values(servers).map((server) => new URL(server.url).password);
  for (const text of [...answers, ...logs])
    for (const canary of [...hidden, ...urls, ...Object.values(keys)]) expect(text).not.toContain(canary);
  for (const canary of [password, cookie, key]) expect(redis).not.toContain(canary);
  // Rows of users, and nothing else, have the password's hash in clear: which of the two that want one name came first is
  // for the workers to say.
  const rows = (await dumpTables(db)).filter((row) => row.includes(password));
  expect([...new Set(rows.map((row) => row.split(' ')[0]))]).toEqual(['users']);
  const stored = (await dumpTables(db)).filter((row) => row.startsWith('api_keys'));
  for (const secret of Object.values(keys)) expect(stored.join()).not.toContain(secret);
};

test('hostile callers get a 4xx and nothing else: no memory, no reflection, no secret of anybody', async () => {
  const system = await startSystem({ LOG_LEVEL: 'debug' });
  await expectLimits(system);
  await expectNoReflection(system);
  await expectNoLeak(system);
}, 240_000);
