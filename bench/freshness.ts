// How fresh lists are under load: from the 202 of an event to the list in Redis that knows it, and how many lists are
// rewritten a second. `node dist/bench/freshness.js [--shop demo|large] [--rate 1000] [--seconds 60] [--train]
// [--workers start|compose|one] [--json FILE]`. One API, one worker, one scheduler, load generator and watcher beside them on the same machine.
//
// Sampled events are purchases of something new to the user: the list that has it among the known products was made after
// the event. Nothing of ours is asked for the time.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadDemoShop } from '../src/demo/load.ts';
import { userListKey, viewList } from '../src/serving/user-list.ts';
import { quantile } from './support/figures.ts';
import { fillShop } from './support/fill-shop.ts';
import { memoryOf, prefix, startBenchSystem } from './support/system.ts';

const { values: options } = parseArgs({
  options: {
    shop: { type: 'string', default: 'demo' },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    train: { type: 'boolean', default: false },
    // Worker processes as `npm start` starts them, as in the Compose file, or one for everything.
    workers: { type: 'string', default: 'start' },
    'training-budget': { type: 'string', default: '300' },
    users: { type: 'string', default: '30000' },
    products: { type: 'string', default: '40000' },
    signals: { type: 'string', default: '800000' },
    json: { type: 'string' },
  },
});
const large = options.shop === 'large';
const rate = Number(options.rate ?? (large ? 200 : 1_000));
const seconds = Number(options.seconds);

/** Requests a second; the events of one are an app's of one moment. */
const requests = Math.min(rate, 100);
/** Watched at once a few dozen, so that watching costs next to nothing. */
const sampledPerSecond = 20;
const watchMs = 5;
/** What is not fresh by then is reported as never. */
const giveUpMs = 30_000;

const system = await startBenchSystem({ TRAINING_BUDGET_SECONDS: options['training-budget'] });
try {
  const { db, cache, key, url } = system;
  const said = (line: string) => console.error(line);
  said('filling the shop');
  if (large)
    await fillShop(db, {
      users: Number(options.users),
      items: Number(options.products),
      signals: Number(options.signals),
    });
  else {
    await loadDemoShop(system.urls.database);
    await db`select adopt_rows()`;
  }
  const users = (await db<{ id: string }>`select user_id as id from users`).map(({ id }) => id);
  const products = (await db<{ id: string }>`select product_id as id from products where available`).map(
    ({ id }) => id,
  );
  await system.startOwn('api');
  const intake = 'interactions,purchases,reviews,catalog,users,audit';
  const groups: Record<string, string[]> = {
    start: [intake, 'recommendations,aggregates,upkeep,embeddings,index,shards,training'],
    compose: [intake, 'recommendations', 'aggregates,upkeep', 'embeddings,index,shards', 'training'],
    one: ['all'],
  };
  const workers = [];
  for (const queues of groups[options.workers] ?? [])
    workers.push(await system.startOwn('worker', { WORKER_QUEUES: queues }));
  await system.startOwn('scheduler');
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const status = async () =>
    (await (await fetch(`${url}/v1/admin/status`, { headers })).json()) as {
      idle: boolean;
      model: { version?: number } | null;
    };
  said('waiting for vectors, index, model and lists');
  const began = performance.now();
  for (let at = await status(); !(at.idle && at.model); at = await status()) await delay(1_000);
  said(`ready after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  const rebuild = async (target: string): Promise<string> => {
    const answer = await fetch(`${url}/v1/admin/rebuild`, {
      ...{ method: 'POST', headers, body: JSON.stringify({ targets: [target] }) },
    });
    if (answer.status !== 202) throw new Error(await answer.text());
    return ((await answer.json()) as { rebuild_id: string }).rebuild_id;
  };
  const allBegan = performance.now();
  const id = await rebuild('recommendations');
  for (let state = 'running'; state === 'running'; await delay(250)) {
    const answer = await fetch(`${url}/v1/admin/rebuild/${id}`, { headers });
    state = ((await answer.json()) as { state: string }).state;
  }
  const refreshAllSeconds = (performance.now() - allBegan) / 1_000;
  said(`every list made anew in ${refreshAllSeconds.toFixed(1)} s`);
  const numbers = new Map(
    (await db<{ id: string; number: number }>`select product_id as id, number from product_numbers`).map(
      ({ id, number }) => [id, number],
    ),
  );
  const bought = new Map<string, Set<string>>();
  for (const { user, product } of await db<{ user: string; product: string }>`
    select user_id as user, product_id as product from purchase_history
    union select user_id, product_id from interactions where event_type in ('purchase', 'rate')
    union select user_id, product_id from reviews`) {
    const own = bought.get(user) ?? new Set();
    bought.set(user, own.add(product));
  }

  if (options.train) await rebuild('model');

  const pick = (from: readonly string[]): string => from[Math.floor(Math.random() * from.length)] as string;
  const event = (user: string, product: string, event_type: string) => ({
    ...{ event_id: randomUUID(), user_id: user, product_id: product, event_type },
  });
  interface Sample {
    user: string;
    number: number;
    acceptedAt: number;
    version: number;
  }
  const watched = new Set<Sample>();
  const took: number[] = [];
  let accepted = 0;
  let refused = 0;
  let never = 0;
  let watching = true;

  const watch = async () => {
    while (watching || watched.size > 0) {
      const samples = [...watched];
      const heads = cache.pipeline();
      for (const { user } of samples) heads.getrangeBuffer(userListKey(prefix, user), 1, 8);
      const found = (await heads.exec()) ?? [];
      const now = performance.now();
      for (const [at, sample] of samples.entries()) {
        const head = found[at]?.[1] as Buffer | undefined;
        const version = head?.length === 8 ? head.readDoubleBE() : 0;
        if (version !== sample.version) {
          sample.version = version;
          const list = viewList(await cache.getBuffer(userListKey(prefix, sample.user)));
          if (list?.known().includes(sample.number)) {
            took.push(now - sample.acceptedAt);
            watched.delete(sample);
            continue;
          }
        }
        if (now - sample.acceptedAt > giveUpMs) {
          never += 1;
          watched.delete(sample);
        }
      }
      await delay(watchMs);
    }
  };

  const post = async (count: number, sampled: boolean) => {
    const events = Array.from({ length: count }, () =>
      event(pick(users), pick(products), Math.random() < 0.8 ? 'view' : 'click'),
    );
    let sample: Sample | undefined;
    if (sampled) {
      const [user, product] = [pick(users), pick(products)];
      const own = bought.get(user) ?? new Set();
      if (!own.has(product)) {
        bought.set(user, own.add(product));
        events[0] = event(user, product, 'purchase');
        sample = { user, number: numbers.get(product) as number, acceptedAt: 0, version: 0 };
      }
    }
    const answer = await fetch(`${url}/v1/interactions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(events),
    });
    await answer.arrayBuffer();
    if (answer.status !== 202) {
      refused += count;
      return;
    }
    accepted += count;
    if (sample) watched.add(Object.assign(sample, { acceptedAt: performance.now() }));
  };

  const made = async () =>
    Number(
      /^zyra_lists_made_total\{[^}]*why="event"[^}]*\} (\d+)/m.exec(
        await (await fetch(`${url}/metrics`, { headers })).text(),
      )?.[1] ?? 0,
    );
  const madeBefore = await made();
  const loop = watch();
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  const total = requests * seconds;
  for (let n = 0; n < total; n += 1) {
    const due = startedAt + (1_000 * n) / requests;
    const wait = due - performance.now();
    if (wait > 0) await delay(wait);
    const one = post(
      Math.round(rate / requests),
      n % Math.max(1, Math.round(requests / sampledPerSecond)) === 0,
    );
    underWay.add(one);
    void one.finally(() => underWay.delete(one));
  }
  await Promise.all(underWay);
  const lasted = (performance.now() - startedAt) / 1_000;
  const lists = (await made()) - madeBefore;
  const { training } = (await (await fetch(`${url}/v1/admin/status`, { headers })).json()) as {
    training: unknown;
  };
  watching = false;
  await loop;
  const figures = {
    shop: options.shop,
    training_was_under_way: options.train && Boolean(training),
    events_per_second: Math.round(accepted / lasted),
    refused,
    samples: took.length,
    never,
    p50_ms: Math.round(quantile(took, 0.5)),
    p90_ms: Math.round(quantile(took, 0.9)),
    p99_ms: Math.round(quantile(took, 0.99)),
    max_ms: Math.round(quantile(took, 1)),
    users: users.length,
    refresh_all_seconds: Math.round(10 * refreshAllSeconds) / 10,
    lists_per_second: Math.round(lists / lasted),
    workers_mib: await Promise.all(workers.map(async (worker) => Math.round((await memoryOf(worker)).peak))),
  };
  console.log(JSON.stringify(figures, null, 2));
  if (options.json) await writeFile(options.json, JSON.stringify(figures, null, 2));
} finally {
  await system.stop();
}
