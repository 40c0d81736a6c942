import { Worker } from 'node:worker_threads';
import { RetryableError } from '../errors.ts';
import { threadFile } from '../thread.ts';
import type { Embedder } from './embedder.ts';
import type { Answer, Question } from './minilm-thread.ts';

/** Names the precision, too: the weights of 32 bits give other vectors. */
export const miniLmName = 'all-MiniLM-L6-v2-q8';

// The batch in hand is finished first; native code in the middle of one does not take being ended well.
const closeTimeoutMs = 5_000;

interface Waiting {
  resolve(vectors: Float32Array): void;
  reject(error: Error): void;
}

interface Running {
  worker: Worker;
  waiting: Map<number, Waiting>;
  ended: Promise<void>;
}

export interface MiniLmEmbedder extends Embedder {
  close(): Promise<void>;
}

const startThread = (folder: string): Running => {
  const worker = new Worker(threadFile('src/embeddings/minilm-thread.ts'), { workerData: { folder } });
  const waiting = new Map<number, Waiting>();
  // Idle, it does not keep the process alive.
  worker.unref();
  let reason: unknown = 'it was closed';
  worker.on('error', (error) => {
    reason = error;
  });
  worker.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) worker.unref();
    if ('vectors' in answer) call?.resolve(answer.vectors);
    else call?.reject(new RetryableError(`the model failed: ${answer.error}`));
  });
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      for (const call of waiting.values()) {
        call.reject(new RetryableError('the embedding thread ended', { cause: reason }));
      }
      waiting.clear();
      resolve();
    });
  });
  return { worker, waiting, ended };
};

/**
 * all-MiniLM-L6-v2 in a thread of its own. Calls share it: small ones, which are queries, overtake large ones between two
 * batches. When the thread dies its calls reject with RetryableError, and the next call starts another.
 */
export const createMiniLm = (folder: string): MiniLmEmbedder => {
  let running: Running | undefined;
  let closed = false;
  let lastId = 0;

  const thread = (): Running => {
    if (running) return running;
    const started = startThread(folder);
    running = started;
    void started.ended.then(() => {
      if (running === started) running = undefined;
    });
    return started;
  };

  return {
    model: miniLmName,
    dim: 384,
    async embed(texts) {
      if (closed) throw new RetryableError('the embedder is closed');
      if (texts.length === 0) return new Float32Array();
      const { worker, waiting } = thread();
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ id, texts } satisfies Question);
      });
    },
    async close() {
      closed = true;
      if (!running) return;
      const { worker, ended } = running;
      worker.postMessage('close' satisfies Question);
      const impatience = setTimeout(() => void worker.terminate(), closeTimeoutMs);
      await ended;
      clearTimeout(impatience);
    },
  };
};
