import { readFile } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describing } from '../src/api/openapi.ts';
import type { Route } from '../src/api/route.ts';
import { routes } from '../src/api/routes.ts';
import { createClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { createFuzzer, type FuzzedRequest } from './support/fuzz-requests.ts';
import { type Random, seeded } from './support/random-shop.ts';
import { type RunningSystem, startSystem } from './support/system.ts';

/** `FUZZ_REQUESTS=10000` for as many a route; `FUZZ_SEED` for others than these. */
const perRoute = Number(process.env.FUZZ_REQUESTS ?? 100);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const atOnce = 16;
/** Long before a deadline of ours is missed. */
const slowMs = 250;

/** What takes minutes when it is done as asked, so that it is rarely asked properly. */
const sparing: Record<string, number> = { '/v1/admin/rebuild': 0.005 };

/** Nothing of it can be fuzzed but its address. */
const takesNothing = ({ params, query, body }: Route): boolean => !params && !query && !body;

interface Answer {
  status: number;
  type: string;
  retryAfter: string | undefined;
  body: string;
}

const ask = (url: string, agent: Agent, key: string, { method, path, headers, body }: FuzzedRequest) =>
  new Promise<Answer>((resolve, reject) => {
    const request = httpRequest(url + path, {
      method,
      agent,
      headers: { authorization: `Bearer ${key}`, ...headers, ...(body && { 'content-length': body.length }) },
    });
    // A refused body may be cut off while it is still sent; the answer counts.
    request.once('response', (response: IncomingMessage) => {
      const { statusCode: status = 0, headers: got } = response;
      const { 'content-type': type = '', 'retry-after': retryAfter } = got;
      text(response).then((answer) => resolve({ status, type, retryAfter, body: answer }), reject);
    });
    request.once('error', reject);
    request.end(body);
  });

/** Of our own code or a library's: neither is the caller's business. */
const traces = /node_modules|\bat .{0,80}[.](?:js|ts):\d+|[A-Za-z]+Error:/;

/** Why an answer is none that a caller may get; undefined when all is well. */
const fault = ({ status, type, body }: Answer): string | undefined => {
  if (status >= 500) return `status ${status}: ${body.slice(0, 300)}`;
  if (status < 400) return status >= 200 && status < 300 ? undefined : `status ${status}`;
  if (type !== 'application/problem+json; charset=utf-8')
    return `${status} of type ${type}: ${body.slice(0, 300)}`;
  const problem = JSON.parse(body) as Record<string, unknown>;
  if (problem.status !== status || typeof problem.title !== 'string' || typeof problem.detail !== 'string')
    return `a problem without its parts: ${body.slice(0, 300)}`;
  // What the caller wrote may look like anything, and messages name fields by the caller's own names.
  const own = JSON.stringify({ ...problem, errors: undefined });
  return traces.test(own) ? `says too much: ${own}` : undefined;
};

/** In turns, so that what routes do meets; of what takes nothing a twentieth. */
const planned = (listed: readonly Route[]): Route[] =>
  Array.from({ length: perRoute }, (_, turn) =>
    listed.filter((route) => turn % 20 === 0 || !takesNothing(route)),
  ).flat();

const fuzz = async (system: RunningSystem, listed: readonly Route[]) => {
  const make = createFuzzer(listed);
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const random = seeded(seed);
  const plan = planned(listed);
  const statuses: Record<number, number> = {};
  const faults: string[] = [];
  const busy: string[] = [];
  let allowed = atOnce;

  /** Fewer at once when answers become slow: it is input that is tried out here, not how much the machine can bear. */
  const timed = async (request: FuzzedRequest): Promise<Answer> => {
    const began = performance.now();
    const answer = await ask(system.url, agent, system.keys.admin, request);
    const slow = performance.now() - began > slowMs;
    allowed = slow ? Math.max(1, allowed * 0.7) : Math.min(atOnce, allowed + 0.05);
    return answer;
  };

  /** As a caller should: what cannot be answered now is asked again. It must then be, for no input is to blame. */
  const answered = async (request: FuzzedRequest): Promise<Answer> => {
    for (let left = 10; ; left -= 1) {
      const answer = await timed(request);
      if (answer.status !== 503 || left === 0) return answer;
      busy.push(`${request.method} ${request.path.slice(0, 200)}: ${answer.body.slice(0, 300)}`);
      if (request.path.startsWith('/readyz')) return { ...answer, status: 200 };
      if (answer.retryAfter === undefined) return answer;
      await delay(Number(answer.retryAfter) * 1_000);
    }
  };

  let sent = 0;
  const work = async (_: unknown, nth: number) => {
    for (let route = plan[sent]; route && faults.length < 20; route = plan[sent]) {
      if (nth >= allowed) {
        await delay(20);
        continue;
      }
      sent += 1;
      const request = make(route, random, sparing[route.path]);
      const described = `${request.method} ${request.path} ${request.body?.toString('base64').slice(0, 4_000) ?? ''}`;
      try {
        const answer = await answered(request);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        const wrong = fault(answer);
        if (wrong !== undefined) faults.push(`${described}\n  ${wrong}`);
      } catch (error) {
        faults.push(`${described}\n  ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  agent.destroy();
  return { sent, statuses, busy, faults };
};

/** Octets that are hardly HTTP, on connections of their own. */
const fuzzConnections = async (url: string, random: Random, count: number): Promise<string[]> => {
  const { port, hostname } = new URL(url);
  const heads = [
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'GET /healthz HTTP/1.1\r\n\r\n',
    'GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n',
    'POST /v1/interactions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /v1/interactions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
    'POST /v1/interactions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    'GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET //elsewhere.example/%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: a\r\nA: b\r\n\tfolded\r\n\r\n',
    'GET /v1/events/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \r\n\r\n',
  ];
  const faults: string[] = [];
  for (let at = 0; at < count; at += 1) {
    let head = heads[at % heads.length] as string;
    if (at >= heads.length) {
      const cut = random.below(head.length);
      head = head.slice(0, cut) + String.fromCharCode(random.below(256)) + head.slice(cut + random.below(2));
    }
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname);
      let got = '';
      socket.setEncoding('latin1').on('data', (more) => {
        got += more;
      });
      socket.on('error', () => {}).on('close', () => resolve(got));
      socket.end(head, 'latin1');
    });
    const [first = ''] = answer.split('\r\n', 1);
    const isProblem = answer.includes('application/problem+json') && /"status":4\d\d/.test(answer);
    // Without a Host header Node itself refuses, and says no more than that.
    const isBare = answer.endsWith('\r\n\r\n0\r\n\r\n');
    const fine =
      answer === '' ||
      /^HTTP\/1\.1 2\d\d /.test(first) ||
      (/^HTTP\/1\.1 4\d\d /.test(first) && (isProblem || isBare));
    if (!fine || traces.test(answer))
      faults.push(`${JSON.stringify(head.slice(0, 200))}\n  ${answer.slice(0, 500)}`);
  }
  return faults;
};

test(
  'whatever is sent to whichever route, no answer is a 5xx, no process ends, and what was taken is worked off',
  async () => {
    const system = await startSystem({
      LOG_LEVEL: 'warn',
      TRAINING_BUDGET_SECONDS: '10',
      // Events that name what never comes are to wait for longer than this takes.
      WAITING_MINUTES: '10000',
    });
    const ends: string[] = [];
    for (const [name, { exited }] of Object.entries(system.processes))
      void exited.then((exit) => ends.push(`${name} ${exit}`));
    const began = performance.now();
    const { faults, ...figures } = await fuzz(system, [...routes, describing(routes)]);
    const seconds = Math.round((performance.now() - began) / 1_000);
    process.stdout.write(
      `${JSON.stringify({ scenario: 'fuzz', seed, ...figures, busy: figures.busy.length, faults: faults.length, seconds })}\n`,
    );
    // Whoever asks for more has a machine for it.
    if (perRoute > 100) faults.push(...figures.busy);
    expect(faults).toEqual([]);
    const { sent, statuses } = figures;
    // Of what the schema allows much is taken, of what it does not all is refused.
    expect(statuses[202], 'taken').toBeGreaterThan(sent / 10);
    expect(statuses[400], 'refused').toBeGreaterThan(sent / 10);
    expect(await fuzzConnections(system.url, seeded(seed), Math.max(60, perRoute / 20))).toEqual([]);

    const admin = createClient(system.url, system.keys.admin);
    await eventually(
      async () => {
        const { json } = await admin.get('/v1/admin/status');
        expect(json).toMatchObject({ idle: true });
        for (const { name, failed } of json.queues) expect({ name, failed }).toEqual({ name, failed: 0 });
      },
      60_000 + 50 * perRoute,
    );
    // The door let nothing through that PostgreSQL refuses.
    const failed = await system.db`
    select job, reason, detail, payload from parked_events
    where state = 'failed' and reason not like 'unknown%' limit 5`;
    expect(failed).toEqual([]);
    expect(ends).toEqual([]);
    for (const name of ['api', 'worker', 'scheduler']) {
      const log = await readFile(join(system.dir, `${name}.log`), 'utf8');
      const grave = log.split('\n').filter((line) => /"level":"(error|fatal)"|unhandled/i.test(line));
      expect(grave.slice(0, 5), name).toEqual([]);
    }
  },
  120_000 + 1_000 * perRoute,
);
