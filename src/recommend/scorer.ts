import { Worker } from 'node:worker_threads';
import { RetryableError } from '../errors.ts';
import { threadFile } from '../thread.ts';
import { ModelRefusedError } from './model-file.ts';
import type { ItemNeighbours } from './neighbours.ts';
import type { Parameters } from './parameters.ts';
import type { ScoreReply, ScoreRequest } from './score-batch.ts';
import type { ScoringReply, ScoringRequest } from './scoring-thread.ts';

/** A trained model in a thread of its own, so that scoring stops nothing else. */
export interface Scorer {
  /** Score by this model from now on; how it weighs signals. @throws ModelRefusedError: then the one before stays. */
  open(path: string): Promise<Parameters>;
  /** @throws RetryableError when the thread ended, which forgets its model: open it again. */
  score(request: ScoreRequest): Promise<ScoreReply>;
  /** At most `k` products that go with each of these. @throws as `score`. */
  neighbours(numbers: Uint32Array, k: number): Promise<ItemNeighbours>;
  close(): Promise<void>;
}

type Ask = ScoringRequest extends infer Request
  ? Request extends unknown
    ? Omit<Request, 'call'>
    : never
  : never;

/** The thread starts with the first call. `onEnd`: it ended by itself. */
export const createScorer = (onEnd: (error: Error) => void): Scorer => {
  const pending = new Map<
    number,
    { resolve: (reply: ScoringReply) => void; reject: (error: Error) => void }
  >();
  let worker: Worker | undefined;
  let calls = 0;
  let closed = false;

  const start = (): Worker => {
    const thread = new Worker(threadFile('src/recommend/scoring-thread.ts'));
    let cause: unknown;
    thread.on('message', (reply: ScoringReply) => {
      pending.get(reply.call)?.resolve(reply);
      pending.delete(reply.call);
      if (pending.size === 0) thread.unref();
    });
    thread.on('error', (error) => {
      cause = error;
    });
    thread.on('exit', () => {
      worker = undefined;
      const error = new RetryableError('the scoring thread ended', { cause });
      for (const { reject } of pending.values()) reject(error);
      pending.clear();
      if (!closed) onEnd(error);
    });
    return thread;
  };

  const ask = (request: Ask): Promise<ScoringReply> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new RetryableError('the scorer is closed'));
      worker ??= start();
      calls += 1;
      pending.set(calls, { resolve, reject });
      // While something is asked, the process waits for the answer.
      worker.ref();
      worker.postMessage({ ...request, call: calls });
    });

  return {
    async open(path) {
      const reply = await ask({ op: 'open', path });
      if ('refused' in reply) throw new ModelRefusedError(reply.refused);
      if ('failed' in reply) throw reply.failed;
      if (!('opened' in reply)) throw new Error('the scoring thread did not open the model');
      return reply.opened;
    },
    async score(request) {
      const reply = await ask({ op: 'score', ...request });
      if ('failed' in reply) throw reply.failed;
      if (!('scored' in reply)) throw new Error('the scoring thread gave no scores');
      return reply.scored;
    },
    async neighbours(numbers, k) {
      const reply = await ask({ op: 'neighbours', numbers, k });
      if ('failed' in reply) throw reply.failed;
      if (!('neighbours' in reply)) throw new Error('the scoring thread gave no neighbours');
      return reply.neighbours;
    },
    async close() {
      closed = true;
      await worker?.terminate();
    },
  };
};
