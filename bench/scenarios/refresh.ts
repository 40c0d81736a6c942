import { userListKey } from '../../src/serving/user-list.ts';
import { defineScenario, type Stage } from '../scenario.ts';
import { startShop } from '../support/shops.ts';
import { memoryOf, prefix } from '../support/system.ts';

/** Every list made anew, so often. @returns seconds each, with what it took. */
export const refreshAll = async (
  stage: Stage,
  size: { users: number; items: number; signals: number },
  rounds: number,
) => {
  const system = await stage.startSystem({
    TRAINING_BUDGET_SECONDS: String(stage.size('training-budget', { s: 20, l: 300 })),
  });
  const { api, workers, users } = await startShop(stage, system, { shop: 'large', size, model: true });
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    const done = await api.rebuild('recommendations');
    await done();
    seconds.push((performance.now() - began) / 1_000);
    stage.say(`${users.length} lists in ${seconds.at(-1)?.toFixed(1)} s`);
  }
  const bytes: number[] = [];
  for (const user of users.slice(0, 1_000))
    bytes.push(Number((await system.cache.memory('USAGE', userListKey(prefix, user))) ?? 0));
  const peaks = await Promise.all(workers.map(async (worker) => (await memoryOf(worker)).peak));
  await system.stop();
  return { seconds, bytes, peak: Math.max(...peaks) };
};

export const refresh = defineScenario({
  figures: [
    {
      name: 'refresh-all',
      unit: 's',
      what: 'every list made anew: 30,000 users × 40,000 products at scale l, 10,000 × 10,000 at s',
      aim: { of: 'ours', want: '<=', value: { s: 15, l: 45 } },
    },
    {
      name: 'list-memory',
      unit: 'bytes',
      what: "of Redis for a user's list, the largest of a thousand",
      aim: { of: 'ours', want: '<=', value: 4_096 },
    },
    {
      name: 'training-rss',
      unit: 'MiB',
      what: 'peak memory of the worker process that embedded, trained and refreshed all that',
      aim: { of: 'ours', want: '<=', value: 2_048 },
    },
  ],
  async run(stage) {
    const size = {
      users: stage.size('users', { s: 10_000, l: 30_000 }),
      items: stage.size('items', { s: 10_000, l: 40_000 }),
      signals: stage.size('signals', { s: 200_000, l: 800_000 }),
    };
    const { seconds, bytes, peak } = await refreshAll(stage, size, stage.rounds);
    return {
      'refresh-all': { ours: seconds, notes: size },
      'list-memory': { ours: [Math.max(...bytes)] },
      'training-rss': { ours: [peak], notes: size },
    };
  },
});
