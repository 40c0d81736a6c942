import { parentPort, workerData } from 'node:worker_threads';
import { compareModels } from './compare.ts';
import type { CompareRequest } from './compare-in-thread.ts';
import { readModel } from './model-file.ts';
import { withCompute } from './train.ts';

/** One comparison: what to compare by comes with the start, the result goes back. */
const { candidate, serving, signals, wanted } = workerData as CompareRequest;
const models = { candidate: await readModel(candidate), serving: await readModel(serving) };
parentPort?.postMessage({
  comparison: await withCompute((compute) => compareModels(models, { signals, wanted }, compute)),
});
