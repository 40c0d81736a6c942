// What an answer costs that no stored list can give: `query`, and a filter that leaves less than is asked for.
// `node dist/bench/live.js [--shop demo|large] [--model FOLDER] [--seconds 20] [--connections 4] [--json FILE]`; with a
// folder of MiniLM's files it is that model that embeds, else the fallback.
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadDemoShop } from '../src/demo/load.ts';
import { quantile } from './support/figures.ts';
import { fillShop } from './support/fill-shop.ts';
import { startBenchSystem } from './support/system.ts';

const { values: options } = parseArgs({
  options: {
    shop: { type: 'string', default: 'demo' },
    model: { type: 'string' },
    products: { type: 'string', default: '40000' },
    seconds: { type: 'string', default: '20' },
    connections: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
});
const seconds = Number(options.seconds);

const asked = [
  'warm jacket for winter',
  'a present for a child',
  'fast charging cable',
  'something to cook rice',
  'quiet keyboard for the office',
  'shoes for running in the rain',
  'glass bottle',
  'light tent for two',
];

const system = await startBenchSystem(
  options.model ? { EMBEDDER: 'auto', EMBEDDING_MODEL_PATH: options.model } : {},
);
try {
  const { db, key, url } = system;
  if (options.shop === 'large')
    await fillShop(db, { users: 1_000, items: Number(options.products), signals: 20_000 });
  else {
    await loadDemoShop(system.urls.database);
    await db`select adopt_rows()`;
  }
  await system.startOwn('api');
  await system.startOwn('worker');
  await system.startOwn('scheduler');
  const headers = { authorization: `Bearer ${key}` };
  const get = async (path: string) => {
    const answer = await fetch(url + path, { headers });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json() as Promise<Record<string, unknown>>;
  };
  for (let at = await get('/v1/admin/status'); !(at.idle && at.index); at = await get('/v1/admin/status'))
    await delay(1_000);

  const users = (await db<{ id: string }>`select user_id as id from users`).map(({ id }) => id);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
  const kinds: Record<string, () => string> = {
    query: () => `query=${encodeURIComponent(pick(asked))}`,
    // Of all prices a fiftieth: of the hundred that are stored hardly any.
    filter: () => {
      const from = 10 + Math.floor(Math.random() * 480);
      return `min_price=${from}&max_price=${from + 10}`;
    },
    both: () => `query=${encodeURIComponent(pick(asked))}&min_price=50&max_price=150`,
  };
  const figures: Record<string, { answers: number; p50_ms: number; p99_ms: number }> = {};
  for (const [kind, parameters] of Object.entries(kinds)) {
    const took: number[] = [];
    const ask = async (until: number, record: boolean) => {
      while (performance.now() < until) {
        const began = performance.now();
        await get(`/v1/users/${pick(users)}/recommendations?k=10&${parameters()}`);
        if (record) took.push(performance.now() - began);
      }
    };
    for (const [length, record] of [
      [2, false],
      [seconds, true],
    ] as const) {
      const until = performance.now() + 1_000 * length;
      await Promise.all(Array.from({ length: Number(options.connections) }, () => ask(until, record)));
    }
    const round = (value: number) => Math.round(10 * value) / 10;
    figures[kind] = {
      ...{ answers: took.length, p50_ms: round(quantile(took, 0.5)), p99_ms: round(quantile(took, 0.99)) },
    };
  }
  const { index } = (await get('/v1/admin/status')) as { index: { model: string; products: number } };
  console.log(JSON.stringify({ model: index.model, products: index.products, ...figures }, null, 2));
  if (options.json) await writeFile(options.json, JSON.stringify(figures, null, 2));
} finally {
  await system.stop();
}
