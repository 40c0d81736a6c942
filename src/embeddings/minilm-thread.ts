import { setImmediate } from 'node:timers/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Batch, loadMiniLm, miniLmDim } from './minilm-model.ts';

/** What the thread is asked. */
export type Question = { id: number; texts: readonly string[] } | 'close';
/** What it answers, once per question. */
export type Answer = { id: number; vectors: Float32Array } | { id: number; error: string };

interface Call {
  id: number;
  size: number;
  batches: Generator<Batch>;
  vectors: Float32Array<ArrayBuffer>;
}

// Every so many batches the call that has waited longest is served, however many small ones overtake it.
const oldestEvery = 4;

const port = parentPort as MessagePort;
const calls: Call[] = [];
let closing = false;
let wake: () => void = () => {};

const model = await loadMiniLm((workerData as { folder: string }).folder);

port.on('message', (question: Question) => {
  if (question === 'close') closing = true;
  else {
    const { id, texts } = question;
    const vectors = new Float32Array(texts.length * miniLmDim);
    calls.push({ id, size: texts.length, batches: model.batches(texts), vectors });
  }
  wake();
});

const choose = (turn: number): Call | undefined =>
  turn % oldestEvery === 0
    ? calls[0]
    : calls.reduce((least, call) => (call.size < least.size ? call : least), calls[0] as Call);

/** One batch of a call; true when that was its last. */
const advance = async (call: Call): Promise<boolean> => {
  const { value: batch, done } = call.batches.next();
  if (done) return true;
  const vectors = await model.run(batch);
  for (const [index, row] of batch.rows.entries()) {
    call.vectors.set(vectors.subarray(index * miniLmDim, (index + 1) * miniLmDim), row * miniLmDim);
  }
  return false;
};

for (let turn = 1; !closing; turn += 1) {
  const call = choose(turn);
  if (call === undefined) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    continue;
  }
  try {
    if (await advance(call)) {
      calls.splice(calls.indexOf(call), 1);
      const answer: Answer = { id: call.id, vectors: call.vectors };
      port.postMessage(answer, [call.vectors.buffer]);
    }
  } catch (error) {
    calls.splice(calls.indexOf(call), 1);
    const answer: Answer = { id: call.id, error: String(error) };
    port.postMessage(answer);
  }
  // Lets in what was asked meanwhile: running the model does not.
  await setImmediate();
}
port.close();
