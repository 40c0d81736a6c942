import { Worker } from 'node:worker_threads';
import { threadFile } from '../thread.ts';
import type { Parameters } from './parameters.ts';
import type { Signals } from './signals.ts';
import type { TrainOptions } from './train.ts';
import type { Tuning } from './tune.ts';

export interface TrainRequest {
  signals: Signals;
  /** The product's number of each item. */
  products: Uint32Array;
  /** Where the model's file is written; nothing may be there. */
  path: string;
  options: Omit<TrainOptions, 'onProgress'>;
}

export type TrainReport =
  | { kind: 'progress'; done: number; what: string }
  | { kind: 'done'; parameters: Parameters; tuning?: Tuning };

export interface TrainOutcome {
  parameters: Parameters;
  tuning?: Tuning;
}

/**
 * Train in a thread of its own and write the model to a file, so that the process stays responsive throughout.
 * @throws what training threw, or the signal's reason: the thread is ended, and what it wrote so far is the caller's.
 */
export const trainInThread = (
  request: TrainRequest,
  { onProgress, signal }: { onProgress?: (done: number, what: string) => void; signal?: AbortSignal } = {},
): Promise<TrainOutcome> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const worker = new Worker(threadFile('src/recommend/train-thread.ts'), { workerData: request });
    let outcome: TrainOutcome | undefined;
    const onAbort = () => void worker.terminate();
    signal?.addEventListener('abort', onAbort, { once: true });
    worker.on('message', (report: TrainReport) => {
      if (report.kind === 'progress') return onProgress?.(report.done, report.what);
      const { kind: _, ...rest } = report;
      outcome = rest;
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      signal?.removeEventListener('abort', onAbort);
      if (outcome) resolve(outcome);
      else reject(signal?.aborted ? signal.reason : new Error('the training thread ended before its time'));
    });
  });
