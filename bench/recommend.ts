// Fits and tunes the recommender on a generated shop: node dist/bench/recommend.js [--users N] [--items N] [--signals N]
// [--tune-seconds N]. Popularity follows a power law, and users belong to a few of many tastes.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../src/demo/random.ts';
import { evaluateModel, prepareExamination } from '../src/recommend/evaluate.ts';
import { fitModel } from '../src/recommend/model.ts';
import { readModel, writeModel } from '../src/recommend/model-file.ts';
import { defaultParameters } from '../src/recommend/parameters.ts';
import type { Signals } from '../src/recommend/signals.ts';
import { splitSignals } from '../src/recommend/split.ts';
import { withCompute } from '../src/recommend/train.ts';
import { tune } from '../src/recommend/tune.ts';

const { values: given } = parseArgs({
  options: {
    users: { type: 'string', default: '30000' },
    items: { type: 'string', default: '40000' },
    signals: { type: 'string', default: '800000' },
    'tune-seconds': { type: 'string', default: '60' },
  },
});
const userCount = Number(given.users);
const itemCount = Number(given.items);
const signalCount = Number(given.signals);
const tuneSeconds = Number(given['tune-seconds']);

/** Zipf-like: number `place` of `count` is drawn about as often as 1 / (place + 10)^0.8. */
const skewed = (draw: number, count: number): number => {
  const low = 10 ** 0.2;
  return Math.min(count - 1, Math.floor((low + draw * ((count + 10) ** 0.2 - low)) ** 5 - 10));
};

const generate = (): Signals => {
  const random = createRandom(7, 'bench');
  const tastes = Math.max(8, Math.floor(itemCount / 200));
  const users = new Uint32Array(signalCount);
  const items = new Uint32Array(signalCount);
  const times = new Float64Array(signalCount);
  const mine = Array.from({ length: userCount }, () => [0, 1, 2].map(() => random.int(0, tastes - 1)));
  for (let at = 0; at < signalCount; at += 1) {
    // Most users have a dozen signals, some hundreds.
    const user = at < userCount * 5 ? at % userCount : skewed(random.next(), userCount);
    const popular = skewed(random.next(), itemCount);
    // Items of a taste are every so many-th by popularity, so that each has its own well-sellers.
    const taste = (mine[user] as number[])[random.int(0, 2)] as number;
    const own = skewed(random.next(), Math.floor(itemCount / tastes)) * tastes + taste;
    users[at] = user;
    items[at] = random.chance(0.7) ? own : popular;
    times[at] = 1_700_000_000 + random.int(0, 20_000_000);
  }
  const weights = new Float32Array(signalCount).map(() => (random.chance(0.2) ? 4 : 1));
  return { userCount, itemCount, users, items, weights, ratings: new Float32Array(signalCount), times };
};

/** The peak of resident memory. */
const rss = () => `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`;
const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  const began = performance.now();
  const result = await work();
  console.log(
    `${name.padEnd(28)} ${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s   peak RSS ${rss()}`,
  );
  return result;
};

console.log(
  `${userCount} users × ${itemCount} items, ${signalCount} signals, ${availableParallelism()} cores`,
);
const signals = await timed('generate', async () => generate());
const folder = await mkdtemp(join(tmpdir(), 'zyra-bench-'));
try {
  await withCompute(async (compute) => {
    const model = await timed(`fit, rank ${defaultParameters.lowRank.rank}`, () =>
      fitModel(signals, defaultParameters, compute),
    );
    const path = join(folder, 'model.bin');
    const products = Uint32Array.from({ length: itemCount }, (_, item) => item);
    await timed('write the model', () => writeModel(path, { model, products }));
    await timed('read the model', () => readModel(path));
    console.log(`${Math.round((await stat(path)).size / 2 ** 20)} MiB`);
    const examination = prepareExamination({
      ...splitSignals(signals, { maxUsers: 500, seed: 1 }),
      training: signals,
    });
    // Not a measure of quality, the model knows what is asked: of the speed at which lists are made.
    await timed(`lists of ${examination.split.users.length} users`, () =>
      evaluateModel(model, examination, compute),
    );
    if (tuneSeconds === 0) return;
    const tuning = await timed(`tune within ${tuneSeconds} s`, () =>
      tune(signals, { budgetMs: tuneSeconds * 1_000 }, compute),
    );
    console.log(`${tuning.trials.length} trials`);
    console.log(JSON.stringify({ ...tuning, trials: undefined }, undefined, 2));
  });
} finally {
  await rm(folder, { recursive: true });
}
