import { createShop, lineOf } from '../../test/faults/shop-events.ts';
import { seeded } from '../../test/support/random-shop.ts';
import { defineScenario } from '../scenario.ts';
import { createApi } from '../support/api.ts';
import { ownQueue, untilDrained } from '../support/drained.ts';
import { press, requestOf } from '../support/http.ts';
import { cycle, headersOf } from '../support/interactions.ts';
import { startWorkers } from '../support/shops.ts';

const queues = ['interactions', 'purchases', 'reviews', 'catalog', 'users'].map(ownQueue);
const linesPerRequest = 1_000;

/** Events of every kind as a shop sends them, with everything on that follows from them. */
export const mixed = defineScenario({
  figures: [
    {
      name: 'mixed-commit',
      unit: 'events/s',
      what: 'interactions, orders, reviews, votes, products, carts … from streams to committed rows, everything on',
      aim: { of: 'ours', want: '>=', value: 2_000 },
    },
  ],
  async run(stage) {
    const system = await stage.startSystem();
    const { db, key, queue, url } = system;
    const events = stage.size('events', { s: 20_000, l: 200_000 });
    await system.startOwn('api');
    await startWorkers(stage, system);
    const port = Number(new URL(url).port);
    const streams = (lines: readonly object[]) =>
      Array.from({ length: Math.ceil(lines.length / linesPerRequest) }, (_, at) =>
        requestOf(
          'POST',
          '/v1/events',
          headersOf(key, 'application/x-ndjson'),
          lines
            .slice(at * linesPerRequest, (at + 1) * linesPerRequest)
            .map((line) => `${JSON.stringify(line)}\n`)
            .join(''),
        ),
      );
    const send = async (requests: readonly Buffer[]) => {
      await press({ port, connections: 4, next: cycle(requests), requests: requests.length });
      await untilDrained(queue, queues);
    };
    const perSecond: number[] = [];
    for (let round = 0; round < stage.rounds; round += 1) {
      const shop = createShop(seeded(round + 1), { products: 1_000, users: 5_000 });
      await send(streams(shop.opening().map(lineOf)));
      await createApi(system).untilReady({ model: false });
      const requests = streams(Array.from({ length: events }, () => lineOf(shop.next())));
      const began = performance.now();
      await send(requests);
      perSecond.push(events / ((performance.now() - began) / 1_000));
      stage.say(`${Math.round(perSecond.at(-1) ?? 0)}/s`);
    }
    const [left] = await db<{ failed: number }>`
      select count(*)::integer as failed from parked_events where state = 'failed'`;
    return { 'mixed-commit': { ours: perSecond, notes: { events, failed: left?.failed } } };
  },
});
