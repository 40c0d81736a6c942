// What a list costs to read: the recommendations route, plain call and logging on, against a bare Express route that gets
// one key from Redis and sends it: `node dist/bench/read.js [--rounds 5] [--seconds 5] [--connections 32] [--json FILE]`.
// In turn in one run, each server a process of its own, the same bytes in every answer's place.
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import express from 'express';
import { Redis } from 'ioredis';
import { announceProducts } from '../src/db/serving.ts';
import { findFreePort } from '../src/embedded/endpoint.ts';
import { type ListEntry, writeLists } from '../src/serving/user-list.ts';
import { median, quantile } from './support/figures.ts';
import { cpuOf, prefix, startBenchSystem } from './support/system.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
    users: { type: 'string', default: '1000' },
    products: { type: 'string', default: '5000' },
    json: { type: 'string' },
    'serve-bare': { type: 'string' },
  },
});

const pathOf = (user: string) => `/v1/users/${user}/recommendations`;

if (options['serve-bare'] !== undefined) {
  const redis = new Redis(options['serve-bare']);
  const app = express();
  app.get('/v1/users/:user_id/recommendations', async (request, response) => {
    response.type('json').send(await redis.get(`bare:${request.params.user_id}`));
  });
  const server = app.listen(Number(process.env.PORT), '127.0.0.1');
  await once(server, 'listening');
  process.send?.('ready');
  await once(process, 'disconnect');
  process.exit(0);
}

interface Figures {
  perSecond: number;
  p50: number;
  p99: number;
  /** Of the server's process, in µs: what others do on the machine changes it little. */
  cpuPerRequest: number;
}

/** One connection: the next request goes out when the answer to the last is in. */
const keepAsking = (
  { port, headers, users, until }: { port: number; headers: string; users: string[]; until: number },
  took: number[],
): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let asked = 0;
    const ask = () => {
      const user = users[Math.floor(Math.random() * users.length)] as string;
      asked = performance.now();
      socket.write(`GET ${pathOf(user)} HTTP/1.1\r\nHost: bench\r\n${headers}\r\n`);
    };
    socket.setEncoding('latin1');
    socket.once('connect', ask);
    socket.once('error', reject);
    socket.on('data', (text: string) => {
      received += text;
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? Number.NaN);
      if (!received.startsWith('HTTP/1.1 200') || Number.isNaN(length)) {
        reject(new Error(received.slice(0, 500)));
        socket.destroy();
        return;
      }
      if (received.length < end + 4 + length) return;
      received = '';
      took.push(performance.now() - asked);
      if (performance.now() < until) ask();
      else {
        socket.destroy();
        resolve();
      }
    });
  });

const measure = async (
  { port, child }: { port: number; child: ChildProcess },
  headers: string,
  users: string[],
  seconds: number,
): Promise<Figures> => {
  const took: number[] = [];
  const cpu = await cpuOf(child);
  const began = performance.now();
  const until = began + 1_000 * seconds;
  await Promise.all(
    Array.from({ length: Number(options.connections) }, () =>
      keepAsking({ port, headers, users, until }, took),
    ),
  );
  const elapsed = (performance.now() - began) / 1_000;
  const cpuPerRequest = ((await cpuOf(child)) - cpu) / took.length;
  const [p50, p99] = [quantile(took, 0.5), quantile(took, 0.99)];
  return { perSecond: took.length / elapsed, p50, p99, cpuPerRequest };
};

const system = await startBenchSystem();
try {
  const { db, cache, key, url } = system;
  const count = Number(options.products);
  await db`
    insert into products (product_id, name, available, price)
    select gen_random_uuid(), 'Product ' || n, true, n from generate_series(1, ${count}) as n`;
  const rows = await db<{ product_id: string }>`select product_id from products`;
  await announceProducts(
    db,
    rows.map(({ product_id }) => product_id),
  );
  await db`
    insert into product_popularity (product_id, score_1d, score_7d, score_30d)
    select product_id, random(), random(), random() from products`;

  const users = Array.from({ length: Number(options.users) }, () => randomUUID());
  const entries = (): ListEntry[] =>
    Array.from({ length: 150 }, (_, at) => ({
      number: 1 + Math.floor(Math.random() * count),
      collaborative: at < 100 ? Math.random() : 0,
      content: at > 50 ? Math.random() : 0,
      known: false,
      reason: 'viewed' as const,
      because: 1 + (at % 20),
    }));
  const list = () => ({
    version: 1,
    modelVersion: 1,
    generation: 1,
    entries: entries(),
    signals: [],
    known: [],
  });
  await writeLists(
    cache,
    prefix,
    users.map((userId) => ({ userId, list: list() })),
    { ttlSeconds: 86_400 },
  );

  const ourChild = await system.startOwn('api');
  const barePort = await findFreePort();
  const bareChild = await system.start(fileURLToPath(import.meta.url), ['--serve-bare', system.urls.cache], {
    NODE_ENV: 'production',
    PORT: String(barePort),
  });
  const headers = `Authorization: Bearer ${key}\r\n`;
  let bytes = 0;
  for (const user of users) {
    const answer = await fetch(`${url}${pathOf(user)}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const body = await answer.text();
    if (!answer.ok) throw new Error(body);
    bytes = body.length;
    await cache.set(`bare:${user}`, body);
  }

  const sides = {
    ours: { port: Number(new URL(url).port), child: ourChild },
    bare: { port: barePort, child: bareChild },
  };
  const rounds: Record<keyof typeof sides, Figures>[] = [];
  for (const side of Object.values(sides)) await measure(side, headers, users, 2);
  for (let round = 0; round < Number(options.rounds); round += 1) {
    // Whoever goes first changes, so that neither has the machine's good moments to itself.
    const order = round % 2 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const);
    const figures = {} as Record<keyof typeof sides, Figures>;
    for (const side of order)
      figures[side] = await measure(sides[side], headers, users, Number(options.seconds));
    rounds.push(figures);
    const { ours, bare: other } = figures;
    const show = ({ perSecond, p50, p99, cpuPerRequest }: Figures) =>
      `${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms  cpu ${cpuPerRequest.toFixed(0)} µs`;
    console.log(
      `ours ${show(ours)}   bare ${show(other)}   share ${(ours.perSecond / other.perSecond).toFixed(2)}`,
    );
  }
  const share = median(rounds.map(({ ours, bare: other }) => ours.perSecond / other.perSecond));
  console.log(`answers of ${bytes} bytes; median share of the bare route: ${(100 * share).toFixed(0)} %`);
  if (options.json) await writeFile(options.json, JSON.stringify({ options, bytes, rounds, share }, null, 2));
} finally {
  await system.stop();
}
