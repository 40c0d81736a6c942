import { Worker } from 'node:worker_threads';
import { searchInOneThread } from '../config.ts';
import { RetryableError } from '../errors.ts';
import { threadFile } from '../thread.ts';
import type { IndexReply, IndexRequest } from './index-thread.ts';

type Ask<Op = IndexRequest> = Op extends unknown ? Omit<Op, 'call' | 'index'> : never;

interface Pending {
  resolve: (reply: IndexReply) => void;
  reject: (error: Error) => void;
}

/** An index's place in the process's FAISS thread. */
export interface IndexThread {
  ask(request: Ask): Promise<IndexReply>;
  leave(): Promise<void>;
}

// faiss-node keeps its constructor in one variable for the whole process: loaded in a second thread, it would create
// the first thread's objects with the second's engine and crash. So every index of a process shares one thread.
let worker: Worker | undefined;
let ending: Promise<unknown> = Promise.resolve();
const members = new Map<number, (error: Error) => void>();
const pending = new Map<number, Pending>();
let calls = 0;
let places = 0;

const start = (): Worker => {
  searchInOneThread();
  const thread = new Worker(threadFile('src/vectors/index-thread.ts'));
  let cause: unknown;
  thread.on('message', (reply: IndexReply) => {
    pending.get(reply.call)?.resolve(reply);
    pending.delete(reply.call);
  });
  thread.on('error', (error) => {
    cause = error;
  });
  thread.on('exit', () => {
    if (worker === thread) worker = undefined;
    const error = new RetryableError('the thread that searches the index ended', { cause });
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
    for (const died of members.values()) died(error);
  });
  return thread;
};

/** Join the thread, which is started by the first question. `died` is told when it ends while one is a member. */
export const joinIndexThread = (died: (error: Error) => void): IndexThread => {
  const index = places++;
  members.set(index, died);
  const ask = async (request: Ask): Promise<IndexReply> => {
    await ending;
    return new Promise((resolve, reject) => {
      worker ??= start();
      const call = calls++;
      pending.set(call, { resolve, reject });
      worker.postMessage({ ...request, call, index } satisfies IndexRequest);
    });
  };
  return {
    ask,
    leave: async () => {
      if (!members.delete(index) || !worker) return;
      if (members.size === 0) {
        ending = worker.terminate();
        await ending;
      } else {
        // When the others leave meanwhile, the thread ends with what it holds.
        await ask({ op: 'close' }).catch(() => {});
      }
    },
  };
};

/** End the thread as a crash would. For tests. */
export const killIndexThread = async (): Promise<void> => {
  await worker?.terminate();
};
