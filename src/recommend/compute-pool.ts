import { Worker } from 'node:worker_threads';
import { threadFile } from '../thread.ts';
import type { kernels } from './kernels.ts';

export type Kernel = keyof typeof kernels;
type Task<K extends Kernel> = Parameters<(typeof kernels)[K]>[0];

export interface Assignment {
  kernel: Kernel;
  task: unknown;
  from: number;
  to: number;
}

/**
 * Work through `0…count` in ranges of at most `step`, whoever is free taking the next. What the task writes must lie in
 * shared memory: everything else is copied to the threads. One run at a time.
 */
export type RunKernel = <K extends Kernel>(
  kernel: K,
  task: Task<K>,
  count: number,
  step: number,
) => Promise<void>;

/**
 * Threads for loops that are too long for one, from one piece of work's start to its end and no longer: a thread lets go
 * of shared memory when its garbage is collected, shared memory never makes that happen, and five minutes of tuning left
 * 1.3 GiB behind in threads that stayed.
 */
export const withComputePool = async <T>(
  threads: number,
  work: (run: RunKernel) => Promise<T>,
): Promise<T> => {
  const file = threadFile('src/recommend/compute-thread.ts');
  const workers = Array.from({ length: threads }, () => new Worker(file));

  const ask = (worker: Worker, assignment: Assignment): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        worker.off('exit', onExit);
        done();
      };
      const onMessage = () => settle(resolve);
      const onError = (error: Error) => settle(() => reject(error));
      const onExit = () =>
        settle(() => reject(new Error('a computing thread ended in the middle of its work')));
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.on('exit', onExit);
      worker.postMessage(assignment);
    });

  const run: RunKernel = async (kernel, task, count, step) => {
    let next = 0;
    await Promise.all(
      workers.map(async (worker) => {
        while (next < count) {
          const from = next;
          next = Math.min(count, from + step);
          await ask(worker, { kernel, task, from, to: next });
        }
      }),
    );
  };
  try {
    return await work(run);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
};
