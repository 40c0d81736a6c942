import { defineScenario } from '../scenario.ts';
import { commitAll } from '../support/commit-all.ts';
import { ownQueue } from '../support/drained.ts';
import { median, quantile } from '../support/figures.ts';
import { offer } from '../support/http.ts';
import { cycle, drawInteractions, requestsOf } from '../support/interactions.ts';
import { startShop } from '../support/shops.ts';
import { memoryOf } from '../support/system.ts';

const perRequest = 10;

/**
 * The demo shop with everything on, at half of what it can sustain: how long callers wait for a 202, and whether the API
 * grows. What it can sustain is found out first, with the same requests: events a second until all of a burst are committed.
 */
export const intakeLoad = defineScenario({
  figures: [
    {
      name: 'intake-p99',
      unit: 'ms',
      what: 'from when a request of ten interactions is due to its 202, at half the sustainable load',
      aim: { of: 'ours', want: '<=', value: 25 },
    },
    {
      name: 'rss-flat',
      unit: '% of median',
      what: 'how far the memory of the API strays under that load, once warm: 10 minutes at scale l, one at s',
      aim: { of: 'ours', want: '<=', value: 5 },
    },
  ],
  async run(stage) {
    const system = await stage.startSystem();
    const { db, key, url } = system;
    const { server, workers } = await startShop(stage, system, { shop: 'demo', model: false });
    const port = Number(new URL(url).port);
    const memoryNow = async (children: typeof workers) =>
      Promise.all(children.map(async (child) => Math.round((await memoryOf(child)).now)));
    const atRest = { api: await memoryNow([server]), workers: await memoryNow(workers) };

    const burst = stage.size('burst', { s: 60_000, l: 200_000 });
    const events = await drawInteractions(db, 20_000);
    const sustainable = await commitAll(system, {
      ...{ port, events: burst, queue: ownQueue('interactions'), perRequest },
      requests: requestsOf(events, { shape: 'array', perRequest, key }),
    });
    stage.say(`sustains ${Math.round(sustainable)} events/s`);

    const seconds = stage.size('seconds', { s: 60, l: 600 });
    const perSecond = sustainable / 2 / perRequest;
    const memory: number[] = [];
    const watch = setInterval(async () => memory.push((await memoryOf(server)).now), 1_000);
    const next = cycle(requestsOf(events, { shape: 'array', perRequest, key }));
    const warmUp = Math.max(10, seconds / 5);
    const { took, refused } = await offer(
      {
        ...{ port, connections: 64, next },
        requests: Math.ceil(perSecond * (warmUp + seconds)),
      },
      perSecond,
    ).finally(() => clearInterval(watch));
    const warm = took.slice(Math.floor(perSecond * warmUp));
    const settled = memory.slice(Math.floor(warmUp));
    const usual = median(settled);
    const stray = (100 * Math.max(...settled.map((now) => Math.abs(now - usual)))) / usual;

    const part = Math.floor(warm.length / stage.rounds);
    const notes = { sustainable: Math.round(sustainable), offered: Math.round(sustainable / 2), seconds };
    return {
      'intake-p99': {
        ours: Array.from({ length: stage.rounds }, (_, round) =>
          quantile(warm.slice(round * part, (round + 1) * part), 0.99),
        ),
        notes: { ...notes, events_per_request: perRequest, refused, p50_ms: quantile([...warm], 0.5) },
      },
      'rss-flat': {
        ours: [stray],
        notes: {
          ...{ ...notes, median_mib: Math.round(usual) },
          at_rest_mib: atRest,
          workers_after_mib: await memoryNow(workers),
        },
      },
    };
  },
});
