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

/** The request, and a flag that is raised when nobody waits for the outcome any more. */
export interface TrainWork extends TrainRequest {
  stop: Int32Array;
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
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(threadFile('src/recommend/train-thread.ts'), {
      workerData: { ...request, stop } satisfies TrainWork,
    });
    let outcome: TrainOutcome | undefined;
    // It ends itself at its next step: ended from outside amid onnxruntime's code, it would take the process along.
    const onAbort = () => void Atomics.store(stop, 0, 1);
    signal?.addEventListener('abort', onAbort, { once: true });
    worker.on('message', (report: TrainReport) => {
      if (report.kind === 'progress') return onProgress?.(report.done, report.what);
      const { kind: _, ...rest } = report;
      outcome = rest;
    });
    worker.on('error', (error) => reject(signal?.aborted ? signal.reason : error));
    worker.on('exit', () => {
      signal?.removeEventListener('abort', onAbort);
      if (outcome) resolve(outcome);
      else reject(signal?.aborted ? signal.reason : new Error('the training thread ended before its time'));
    });
  });
