import { availableParallelism } from 'node:os';
import { createDenseProducts } from './dense.ts';
import { type Compute, fitModel, type Model } from './model.ts';
import { defaultParameters, type Parameters } from './parameters.ts';
import type { Signals } from './signals.ts';
import { type Tuning, tune } from './tune.ts';

export interface TrainOptions {
  /** How long the choice of parameters may take; the fit comes on top. 0: `start` is taken as it is. */
  tuneBudgetMs: number;
  seed?: number;
  start?: Parameters;
  threads?: number;
  onProgress?: (done: number, what: string) => void;
}

export interface Trained {
  model: Model;
  /** Undefined where nothing was tuned because no time was given for it. */
  tuning?: Tuning;
}

/** Run something that computes in so many threads, and let go of ONNX Runtime after it. */
export const withCompute = async <T>(
  work: (compute: Compute) => Promise<T>,
  threads = availableParallelism(),
): Promise<T> => {
  const dense = await createDenseProducts(threads);
  try {
    return await work({ threads, dense });
  } finally {
    await dense.close();
  }
};

/**
 * Choose parameters, then fit a model of all signals. Keeps its thread busy for minutes: a worker process runs it through
 * `train-thread.ts`, beside which its jobs go on.
 */
export const train = (signals: Signals, options: TrainOptions): Promise<Trained> => {
  const { tuneBudgetMs, seed = 1, start = defaultParameters, onProgress } = options;
  return withCompute(async (compute) => {
    // Of the whole, tuning is all but the last tenth.
    const tuned = tuneBudgetMs > 0 ? 0.9 : 0;
    const tuning =
      tuneBudgetMs > 0
        ? await tune(
            signals,
            {
              budgetMs: tuneBudgetMs,
              seed,
              start,
              onProgress: (done, what) => onProgress?.(done * tuned, what),
            },
            compute,
          )
        : undefined;
    const model = await fitModel(signals, tuning?.parameters ?? start, compute, {
      seed,
      onProgress: (done, what) => onProgress?.(tuned + done * (1 - tuned), what),
    });
    return tuning ? { model, tuning } : { model };
  }, options.threads);
};
