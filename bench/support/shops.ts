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

type Child = Awaited<ReturnType<BenchSystem['startOwn']>>;

/**
 * The worker processes of `npm start` and a scheduler; `--set workers=compose` has workers as they are deployed,
 * `--set workers=one` one for everything.
 */
export const startWorkers = async (stage: Stage, system: BenchSystem): Promise<Child[]> => {
  const workers = [];
  for (const queues of groups[stage.choice('workers', ['start', 'compose', 'one'])])
    workers.push(await system.startOwn('worker', { WORKER_QUEUES: queues }));
  await system.startOwn('scheduler');
  return workers;
};

export interface RunningShop {
  api: Api;
  server: Child;
  workers: Child[];
  users: string[];
}

type Wanted = { model: boolean } & (
  | { shop: 'demo'; size?: undefined }
  | { shop: 'demo' | 'large'; size: { users: number; items: number; signals: number } }
);

/** A shop in its database, everything on, and nothing left to do. */
export const startShop = async (stage: Stage, system: BenchSystem, wanted: Wanted): Promise<RunningShop> => {
  const { db, urls } = system;
  const { model } = wanted;
  stage.say('filling the shop');
  if (wanted.shop === 'large') await fillShop(db, wanted.size);
  else {
    await loadDemoShop(urls.database);
    await db`select adopt_rows()`;
  }
  const server = await system.startOwn('api');
  const workers = await startWorkers(stage, system);
  const api = createApi(system);
  stage.say(`waiting for vectors, index${model ? ', model' : ''} and lists`);
  await api.untilReady({ model });
  stage.say('ready');
  const users = (await db<{ id: string }>`select user_id as id from users`).map(({ id }) => id);
  return { api, server, workers, users };
};
