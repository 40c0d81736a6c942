import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateModel, prepareExamination } from '../../src/recommend/evaluate.ts';
import { fitModel } from '../../src/recommend/model.ts';
import { readModel, writeModel } from '../../src/recommend/model-file.ts';
import { defaultParameters } from '../../src/recommend/parameters.ts';
import { splitSignals } from '../../src/recommend/split.ts';
import { withCompute } from '../../src/recommend/train.ts';
import { tune } from '../../src/recommend/tune.ts';
import { defineScenario } from '../scenario.ts';
import { generateSignals } from '../support/large-shop.ts';

/**
 * One fit of the model on a generated shop, and with `--set tune-seconds=N` the choice of its parameters. The three sizes
 * can be set: `--set users=300000 --set items=100000 --set signals=10000000`.
 */
export const training = defineScenario({
  figures: [
    {
      name: 'train-fit',
      unit: 's',
      what: 'one fit, rank 512: 30,000 users, 40,000 products, 800,000 signals',
      aim: { of: 'ours', want: '<=', value: 45 },
    },
  ],
  async run(stage) {
    const size = {
      users: stage.size('users', { s: 30_000, l: 30_000 }),
      items: stage.size('items', { s: 40_000, l: 40_000 }),
      signals: stage.size('signals', { s: 800_000, l: 800_000 }),
    };
    const signals = generateSignals(size);
    const folder = await stage.folder();
    const timed = async <T>(
      what: string,
      work: () => Promise<T>,
    ): Promise<{ result: T; seconds: number }> => {
      const began = performance.now();
      const result = await work();
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      stage.say(`${what} in ${seconds} s`);
      return { result, seconds };
    };
    return withCompute(async (compute) => {
      const fit = await timed(`fitted, rank ${defaultParameters.lowRank.rank}`, () =>
        fitModel(signals, defaultParameters, compute),
      );
      const path = join(folder, 'model.bin');
      const products = Uint32Array.from({ length: size.items }, (_, item) => item);
      const written = await timed('written', () => writeModel(path, { model: fit.result, products }));
      const readBack = await timed('read back', () => readModel(path));
      const examination = prepareExamination({
        ...splitSignals(signals, { maxUsers: 500, seed: 1 }),
        training: signals,
      });
      // Not a measure of quality, the model knows what is asked: of the speed at which lists are made.
      const lists = await timed('lists of 500 users', () => evaluateModel(fit.result, examination, compute));
      const budget = stage.size('tune-seconds', { s: 0, l: 300 });
      const tuned =
        budget > 0 && (await timed('tuned', () => tune(signals, { budgetMs: budget * 1_000 }, compute)));
      return {
        'train-fit': {
          ours: [fit.seconds],
          notes: {
            ...{ ...size, rank: defaultParameters.lowRank.rank, lists_500_seconds: lists.seconds },
            ...{ write_seconds: written.seconds, read_seconds: readBack.seconds },
            model_mib: Math.round((await stat(path)).size / 2 ** 20),
            peak_rss_mib: Math.round(process.resourceUsage().maxRSS / 1_024),
            ...(tuned && { tune_seconds: tuned.seconds, trials: tuned.result.trials.length }),
          },
        },
      };
    });
  },
});
