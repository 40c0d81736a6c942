import { randomUUID } from 'node:crypto';
import { announceProducts } from '../../src/db/serving.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { type ListEntry, writeLists } from '../../src/serving/user-list.ts';
import { defineScenario } from '../scenario.ts';
import { median, quantile } from '../support/figures.ts';
import { press, requestOf } from '../support/http.ts';
import { cycle, headersOf } from '../support/interactions.ts';
import { type BenchSystem, cpuOf, prefix } from '../support/system.ts';
import { takeTurns } from '../support/turns.ts';

const pathOf = (user: string) => `/v1/users/${user}/recommendations`;

/** Products, and lists of them for people who are in no table. @returns their ids. */
const fillLists = async ({ db, cache }: BenchSystem, users: number, products: number): Promise<string[]> => {
  await db`
    insert into products (product_id, name, available, price)
    select gen_random_uuid(), 'Product ' || n, true, n from generate_series(1, ${products}) as n`;
  const rows = await db<{ product_id: string }>`select product_id from products`;
  await announceProducts(
    db,
    rows.map(({ product_id }) => product_id),
  );
  await db`
    insert into product_popularity (product_id, score_1d, score_7d, score_30d)
    select product_id, random(), random(), random() from products`;
  const entries = (): ListEntry[] =>
    Array.from({ length: 150 }, (_, at) => ({
      number: 1 + Math.floor(Math.random() * products),
      collaborative: at < 100 ? Math.random() : 0,
      content: at > 50 ? Math.random() : 0,
      known: false,
      reason: 'viewed' as const,
      because: 1 + (at % 20),
    }));
  const ids = Array.from({ length: users }, () => randomUUID());
  const list = () => ({
    ...{ version: 1, modelVersion: 1, generation: 1, signals: [], known: [] },
    entries: entries(),
  });
  await writeLists(
    cache,
    prefix,
    ids.map((userId) => ({ userId, list: list() })),
    { ttlSeconds: 86_400 },
  );
  return ids;
};

/** Requests until V8 has compiled what is asked over and over; fewer, and that is what the first turns measure. */
const warmUp = 20_000;

/** The plain call, logging on, against a bare route; each server a process of its own, the same bytes in every answer's place. */
export const read = defineScenario({
  figures: [
    {
      name: 'read-vs-bare',
      unit: 'requests/s',
      what: "a user's recommendations, to a bare Express route that does one Redis GET and sends it",
      against: 'limit',
      aim: { of: 'ratio', want: '>=', value: 0.85 },
    },
  ],
  async run(stage) {
    const system = await stage.startSystem();
    const { cache, key, url, urls } = system;
    const users = await fillLists(system, 1_000, 5_000);
    const barePort = await findFreePort();
    const sides = {
      ours: { child: await system.startOwn('api'), port: Number(new URL(url).port) },
      limit: {
        child: await system.start('bench/rivals/bare-list.js', {
          ...{ PORT: String(barePort), REDIS_URL: urls.cache },
        }),
        port: barePort,
      },
    };
    let bytes = 0;
    for (const user of users) {
      const answer = await fetch(`${url}${pathOf(user)}`, { headers: headersOf(key) });
      const body = await answer.text();
      if (!answer.ok) throw new Error(body);
      bytes = body.length;
      await cache.set(`bare:${user}`, body);
    }
    const next = cycle(users.map((user) => requestOf('GET', pathOf(user), headersOf(key))));
    const connections = stage.size('connections', { s: 32, l: 32 });
    const requests = stage.size('requests', { s: 20_000, l: 50_000 });
    const turn = async (side: keyof typeof sides, count = requests) => {
      const { child, port } = sides[side];
      const before = await cpuOf(child.pid);
      const { seconds, took } = await press({ port, connections, next, requests: count });
      const cpu = ((await cpuOf(child.pid)) - before) / count;
      const found = { perSecond: count / seconds, p99: quantile(took, 0.99), cpu };
      stage.say(
        `${side.padEnd(5)} ${Math.round(found.perSecond)}/s, p99 ${found.p99.toFixed(1)} ms, CPU ${cpu.toFixed(0)} µs each`,
      );
      return found;
    };
    for (const side of ['ours', 'limit'] as const) await turn(side, warmUp);
    const found = await takeTurns(stage.rounds, { ours: () => turn('ours'), limit: () => turn('limit') });
    const of = (side: keyof typeof sides, what: 'perSecond' | 'p99' | 'cpu') =>
      found[side].map((one) => one[what]);
    const both = (what: 'p99' | 'cpu') => ({
      ours: Math.round(10 * median(of('ours', what))) / 10,
      limit: Math.round(10 * median(of('limit', what))) / 10,
    });
    return {
      'read-vs-bare': {
        ours: of('ours', 'perSecond'),
        limit: of('limit', 'perSecond'),
        notes: {
          ...{ connections, requests, answer_bytes: bytes },
          cpu_us: both('cpu'),
          p99_ms: both('p99'),
        },
      },
    };
  },
});
