import { randomUUID } from 'node:crypto';
import type { Db } from '../../src/db/database.ts';
import { defineScenario } from '../scenario.ts';
import { quantile } from '../support/figures.ts';
import { offer, requestOf } from '../support/http.ts';
import { headersOf } from '../support/interactions.ts';
import { watchLists } from '../support/list-watch.ts';
import { startShop } from '../support/shops.ts';
import { memoryOf } from '../support/system.ts';

const sampledPerSecond = 20;
const warmUpSeconds = 10;

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

/** What a list of each user knows already; only what is new to it shows that it was made after an event. */
const listKnown = async (db: Db): Promise<Map<string, Set<string>>> => {
  const known = new Map<string, Set<string>>();
  for (const { user, product } of await db<{ user: string; product: string }>`
    select user_id as user, product_id as product from purchase_history
    union select user_id, product_id from interactions where event_type in ('purchase', 'rate')
    union select user_id, product_id from reviews`)
    known.set(user, (known.get(user) ?? new Set()).add(product));
  return known;
};

/**
 * How fresh lists are under load. Sampled events are purchases of something new to the user. `--set shop=large` for
 * 30,000 users and 40,000 products, `--set train=yes` for a training beside it; `--set workers=` as `startShop` has them.
 */
export const freshness = defineScenario({
  figures: [
    {
      name: 'freshness-p50',
      unit: 'ms',
      what: 'from the 202 of an event to the list in Redis that knows it, 1,000 events/s on the demo shop',
      aim: { of: 'ours', want: '<=', value: 300 },
    },
    {
      name: 'freshness-p99',
      unit: 'ms',
      what: 'the same',
      aim: { of: 'ours', want: '<=', value: 1_000 },
    },
  ],
  async run(stage) {
    const shop = stage.choice('shop', ['demo', 'large']);
    const train = stage.choice('train', ['no', 'yes']) === 'yes';
    const system = await stage.startSystem({
      TRAINING_BUDGET_SECONDS: String(stage.size('training-budget', { s: 30, l: 300 })),
    });
    const { db, cache } = system;
    const { api, workers, users } = await startShop(stage, system, {
      ...{ shop, model: true },
      size: {
        users: stage.size('users', { s: 30_000, l: 30_000 }),
        items: stage.size('items', { s: 40_000, l: 40_000 }),
        signals: stage.size('signals', { s: 800_000, l: 800_000 }),
      },
    });
    const products = await db<{ id: string; number: number }>`
      select product_id as id, number from products join product_numbers using (product_id) where available`;
    const known = await listKnown(db);
    if (train) await api.rebuild('model');

    const lists = watchLists(cache);
    const fresh = shop === 'large' ? 200 : 1_000;
    const rate = stage.size('rate', { s: fresh, l: fresh });
    const seconds = stage.size('seconds', { s: 20, l: 60 });
    // The events of a request are an app's of one moment.
    const requests = Math.min(rate, 100);
    const samples = new Map<Buffer, { user: string; number: number }>();
    const headers = headersOf(system.key, 'application/json');
    /** Some events of a moment; where it is a sample, the first of them shows when it is known. */
    const draw = (sampled: boolean): Buffer => {
      const event = (user: string, product: string, event_type: string) => ({
        ...{ event_id: randomUUID(), user_id: user, product_id: product, event_type },
      });
      const events = Array.from({ length: Math.round(rate / requests) }, () =>
        event(pick(users), pick(products).id, Math.random() < 0.8 ? 'view' : 'click'),
      );
      const [user, product] = [pick(users), pick(products)];
      const own = known.get(user) ?? new Set();
      const isSample = sampled && !own.has(product.id);
      if (isSample) {
        known.set(user, own.add(product.id));
        events[0] = event(user, product.id, 'purchase');
      }
      const request = requestOf('POST', '/v1/interactions', headers, JSON.stringify(events));
      if (isSample) samples.set(request, { user, number: product.number });
      return request;
    };

    const made = () => api.metric(/^zyra_lists_made_total\{[^}]*why="event"[^}]*\} (\d+)/m);
    const every = Math.max(1, Math.round(requests / sampledPerSecond));
    const load = async (lasting: number, sampling: boolean) => {
      const madeBefore = await made();
      let drawn = 0;
      const { seconds: lasted } = await offer(
        {
          ...{ port: Number(new URL(system.url).port), connections: 64, requests: requests * lasting },
          next: () => draw(sampling && drawn++ % every === 0),
          onTaken(request) {
            const sample = samples.get(request);
            samples.delete(request);
            if (sample) lists.add(sample.user, sample.number);
          },
        },
        requests,
      );
      return { lasted, perSecond: ((await made()) - madeBefore) / lasted };
    };
    // Code that has just started is still being compiled.
    await load(warmUpSeconds, false);
    const { lasted, perSecond } = await load(seconds, true);
    const training = Boolean((await api.status()).training);
    const { took, never } = await lists.close();
    // One that never came is later than any.
    took.push(...Array.from({ length: never }, () => Number.POSITIVE_INFINITY));
    const notes = {
      ...{ shop, training, users: users.length, samples: took.length, never },
      events_per_second: Math.round((rate * seconds) / lasted),
      lists_per_second: Math.round(perSecond),
      max_ms: Math.round(quantile(took, 1)),
      workers_mib: await Promise.all(
        workers.map(async (worker) => Math.round((await memoryOf(worker)).peak)),
      ),
    };
    return {
      'freshness-p50': { ours: [quantile(took, 0.5)], notes },
      'freshness-p99': { ours: [quantile(took, 0.99)], notes },
    };
  },
});
