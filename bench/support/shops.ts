import { workerGroups } from '../../src/cli/start-processes.ts';
import { loadDemoShop } from '../../src/demo/load.ts';
import type { Stage } from '../scenario.ts';
import { type Api, createApi } from './api.ts';
import { fillShop } from './fill-shop.ts';
import type { BenchSystem } from './system.ts';

/** The queues of each worker process, by `--set workers=`. */
const groups = {
  start: workerGroups({}).map(([, queues]) => queues.join()),
  // As in the Compose file.
  compose: [
    'interactions,purchases,reviews,catalog,users,audit',
    'recommendations',
    'aggregates,upkeep',
    'embeddings,index,shards',
    'training',
  ],
  one: ['all'],
};

export interface RunningShop {
  api: Api;
  workers: Awaited<ReturnType<BenchSystem['startOwn']>>[];
  users: string[];
}

interface Wanted {
  shop: 'demo' | 'large';
  size: { users: number; items: number; signals: number };
  model: boolean;
}

/**
 * A shop in its database, everything on, and nothing left to do. Worker processes are those of `npm start`;
 * `--set workers=compose` has them as they are deployed, `--set workers=one` one for everything.
 */
export const startShop = async (
  stage: Stage,
  system: BenchSystem,
  { shop, size, model }: Wanted,
): Promise<RunningShop> => {
  const { db, urls } = system;
  stage.say('filling the shop');
  if (shop === 'large') await fillShop(db, size);
  else {
    await loadDemoShop(urls.database);
    await db`select adopt_rows()`;
  }
  await system.startOwn('api');
  const workers = [];
  for (const queues of groups[stage.choice('workers', ['start', 'compose', 'one'])])
    workers.push(await system.startOwn('worker', { WORKER_QUEUES: queues }));
  await system.startOwn('scheduler');
  const api = createApi(system);
  stage.say(`waiting for vectors, index${model ? ', model' : ''} and lists`);
  await api.untilReady({ model });
  stage.say('ready');
  const users = (await db<{ id: string }>`select user_id as id from users`).map(({ id }) => id);
  return { api, workers, users };
};
