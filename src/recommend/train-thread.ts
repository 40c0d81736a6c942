import { parentPort, workerData } from 'node:worker_threads';
import { writeModel } from './model-file.ts';
import { train } from './train.ts';
import type { TrainReport, TrainRequest } from './train-in-thread.ts';

/** One training: signals come with the start, progress and the report go back, the model goes to its file. */
const run = async (): Promise<void> => {
  const { signals, products, path, options } = workerData as TrainRequest;
  const report = (message: TrainReport) => parentPort?.postMessage(message);
  const { model, tuning } = await train(signals, {
    ...options,
    onProgress: (done, what) => report({ kind: 'progress', done, what }),
  });
  await writeModel(path, { model, products });
  report({ kind: 'done', parameters: model.parameters, ...(tuning && { tuning }) });
};

await run();
