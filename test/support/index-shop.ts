import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { createClient } from './client.ts';
import type { seeded } from './random-shop.ts';
import type { RunningSystem } from './system.ts';

export const products = 900;

/** Their text never changes, so whoever types it always means them. */
const landmarks = 200;

const nouns = [
  'scarf',
  'knife',
  'cable',
  'hose',
  'novel',
  'kettle',
  'compass',
  'lantern',
  'violin',
  'saddle',
];
const stuffs = ['wool', 'steel', 'nylon', 'rubber', 'paper', 'copper', 'brass', 'oak', 'leather', 'glass'];
const textOf = (nth: number, revision: number) =>
  `${stuffs[(nth + 3 * revision) % stuffs.length]} ${nouns[Math.floor(nth / 10) % nouns.length]} item${nth} edition ${revision}`;

type Answer = Awaited<ReturnType<ReturnType<typeof createClient>['call']>>;

/** Two API processes, of which callers may use either, and what callers ask of them. */
export const startApis = async (system: RunningSystem) => {
  const port = String(await findFreePort());
  const apis = [
    { url: system.url, env: {}, child: system.processes.api, kills: 0, up: true },
    {
      url: `http://127.0.0.1:${port}`,
      env: { PORT: port },
      child: await system.startProcess('api', { PORT: port }),
      kills: 0,
      up: true,
    },
  ];
  const counts = { retried: 0, apiKills: 0 };

  /** Ask one API, and the other when that one was killed under the question. Anything else is a failure. */
  const ask = async (
    scope: 'read' | 'write' | 'admin',
    call: (client: ReturnType<typeof createClient>) => Promise<Answer>,
  ): Promise<Answer> => {
    for (let nth = Math.random() < 0.5 ? 0 : 1; ; nth += 1) {
      const api = apis[nth % 2] as (typeof apis)[number];
      if (!api.up) continue;
      const { kills: before } = api;
      try {
        return await call(createClient(api.url, system.keys[scope]));
      } catch (error) {
        if (api.up && api.kills === before) throw error;
        counts.retried += 1;
      }
    }
  };

  let restarting: Promise<void> = Promise.resolve();
  return {
    ask,
    counts,
    /** Kill one; it comes back while the other serves alone. */
    async killOne(nth: number) {
      await restarting;
      const api = apis[nth % 2] as (typeof apis)[number];
      api.up = false;
      api.kills += 1;
      counts.apiKills += 1;
      api.child.kill('SIGKILL');
      await api.child.exited;
      restarting = system.startProcess('api', api.env).then((child) => {
        Object.assign(api, { child, up: true });
      });
    },
    settled: () => restarting,
  };
};

type Apis = Awaited<ReturnType<typeof startApis>>;

/** A shop whose products' texts are known, those they had included. */
export const fillShop = async ({ ask }: Apis, random: ReturnType<typeof seeded>) => {
  const ids = Array.from({ length: products }, () => random.uuid());
  const texts = new Map(ids.map((id, nth) => [id, [textOf(nth, 0)]]));
  const occurred = (revision: number) => new Date(Date.UTC(2026, 0, 1) + revision * 1_000).toISOString();
  const send = async (lines: unknown[]) => {
    for (;;) {
      const { status, text, json } = await ask('write', (client) => client.ndjson(lines));
      if (status === 202 && json.accepted === lines.length) return;
      expect(status, text).toBe(503);
      await delay(50);
    }
  };
  for (let from = 0; from < products; from += 450) {
    await send(
      ids.slice(from, from + 450).map((product_id) => ({
        ...{ type: 'product', op: 'put', event_id: uuidv7(), product_id, occurred_at: occurred(0) },
        name: texts.get(product_id)?.[0],
      })),
    );
  }
  return {
    ids,
    texts,
    /** Give some products another text. */
    async edit(count: number) {
      const chosen = new Set(
        Array.from({ length: count }, () => landmarks + random.below(products - landmarks)),
      );
      const lines = [...chosen].map((nth) => {
        const product_id = ids[nth] as string;
        const had = texts.get(product_id) as string[];
        const name = textOf(nth, had.length);
        had.push(name);
        const occurred_at = occurred(had.length - 1);
        return { type: 'product', op: 'patch', event_id: uuidv7(), product_id, occurred_at, name };
      });
      await send(lines);
    },
  };
};

export type Shop = Awaited<ReturnType<typeof fillShop>>;

export const newStats = () => ({ reads: 0, byMeaning: 0, failed: [] as string[] });

/** Search and ask for similar products again and again; every answer has to be a good one. */
export const read = async (
  { ask }: Apis,
  { ids, texts }: Shop,
  random: ReturnType<typeof seeded>,
  stats: ReturnType<typeof newStats>,
  signal: AbortSignal,
) => {
  const known = new Set(ids);
  while (!signal.aborted) {
    const id = ids[random.below(landmarks)] as string;
    const any = random.pick(ids);
    const [path, expected] = random.pick([
      [`/v1/search?q=${encodeURIComponent(texts.get(id)?.[0] ?? '')}`, id],
      [`/v1/search?q=${random.pick(nouns)}`, undefined],
      [`/v1/products/${any}/similar`, undefined],
    ] as const);
    const { status, json, text } = await ask('read', (client) => client.get(path));
    const items: { product_id: string; source: string }[] = status === 200 ? json.items : [];
    const fine =
      items.length > 0 &&
      items.every(({ product_id }) => known.has(product_id)) &&
      (expected === undefined || items.some(({ product_id }) => product_id === expected));
    if (!fine) stats.failed.push(`${path}: ${status} ${text.slice(0, 300)}`);
    stats.reads += 1;
    if (items.some(({ source }) => source !== 'lexical')) stats.byMeaning += 1;
    await delay(random.below(20));
  }
};
