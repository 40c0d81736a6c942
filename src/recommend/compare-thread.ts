import { parentPort, workerData } from 'node:worker_threads';
import { compareModels } from './compare.ts';
import type { CompareRequest } from './compare-in-thread.ts';
import { ModelRefusedError, readModel, type StoredModel } from './model-file.ts';
import { withCompute } from './train.ts';

/** One comparison: what to compare by comes with the start, the result goes back. */
const { candidate, serving, signals, wanted } = workerData as CompareRequest;
const before = await readModel(serving).catch((error: unknown): StoredModel | undefined => {
  // Nothing to compare with: whatever is new is better.
  if (error instanceof ModelRefusedError) return undefined;
  throw error;
});
const models = before && { candidate: await readModel(candidate), serving: before };
parentPort?.postMessage({
  comparison: models && (await withCompute((compute) => compareModels(models, { signals, wanted }, compute))),
});
