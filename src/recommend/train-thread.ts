import { parentPort, workerData } from 'node:worker_threads';
import { writeModel } from './model-file.ts';
import { train } from './train.ts';
import type { TrainReport, TrainWork } from './train-in-thread.ts';

/** One training: signals come with the start, progress and the report go back, the model goes to its file. */
const run = async (): Promise<void> => {
  const { signals, products, path, options, stop } = workerData as TrainWork;
  const report = (message: TrainReport) => parentPort?.postMessage(message);
  const { model, tuning } = await train(signals, {
    ...options,
    onProgress: (done, what) => {
      if (Atomics.load(stop, 0) !== 0) throw new Error('nobody waits for this training any more');
      report({ kind: 'progress', done, what });
    },
  });
  await writeModel(path, { model, products });
  report({ kind: 'done', parameters: model.parameters, ...(tuning && { tuning }) });
};

await run();
