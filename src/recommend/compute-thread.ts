import { parentPort } from 'node:worker_threads';
import type { Assignment } from './compute-pool.ts';
import { kernels } from './kernels.ts';

/** A thread of the pool: one assignment after the other, results in the shared memory that came with it. */
parentPort?.on('message', ({ kernel, task, from, to }: Assignment) => {
  // The pool's types hold the task and the kernel together; here they have been through a message.
  (kernels[kernel] as (task: unknown, from: number, to: number) => void)(task, from, to);
  parentPort?.postMessage('done');
});
