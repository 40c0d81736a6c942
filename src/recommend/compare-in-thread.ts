import { Worker } from 'node:worker_threads';
import { threadFile } from '../thread.ts';
import type { Comparison } from './compare.ts';
import type { Signals } from './signals.ts';

export interface CompareRequest {
  /** Files of the two models. */
  candidate: string;
  serving: string;
  /** Items are product numbers. */
  signals: Signals;
  wanted: Uint32Array[];
}

/** Compare two models in a thread of its own, as `compareModels`; undefined also where the serving one is damaged. @throws what that threw, or the signal's reason. */
export const compareInThread = (
  request: CompareRequest,
  abort: AbortSignal,
): Promise<Comparison | undefined> =>
  new Promise((resolve, reject) => {
    if (abort.aborted) return reject(abort.reason);
    const worker = new Worker(threadFile('src/recommend/compare-thread.ts'), { workerData: request });
    // It is left to end by itself, in seconds: ended amid onnxruntime's code, it would take the process along.
    const onAbort = () => reject(abort.reason);
    abort.addEventListener('abort', onAbort, { once: true });
    worker.on('message', ({ comparison }: { comparison: Comparison | undefined }) => resolve(comparison));
    worker.on('error', reject);
    worker.on('exit', () => {
      abort.removeEventListener('abort', onAbort);
      reject(abort.aborted ? abort.reason : new Error('the comparing thread ended before its time'));
    });
  });
