// Fits and tunes the recommender on a generated shop: node dist/bench/recommend.js [--users N] [--items N] [--signals N]
// [--tune-seconds N].
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateModel, prepareExamination } from '../src/recommend/evaluate.ts';
import { fitModel } from '../src/recommend/model.ts';
import { readModel, writeModel } from '../src/recommend/model-file.ts';
import { defaultParameters } from '../src/recommend/parameters.ts';
import { splitSignals } from '../src/recommend/split.ts';
import { withCompute } from '../src/recommend/train.ts';
import { tune } from '../src/recommend/tune.ts';
import { generateSignals } from './support/large-shop.ts';

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
const signals = await timed('generate', async () =>
  generateSignals({ users: userCount, items: itemCount, signals: signalCount }),
);
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
