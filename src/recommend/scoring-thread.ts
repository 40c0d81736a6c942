import { availableParallelism } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { createDenseProducts } from './dense.ts';
import { squareOf } from './model.ts';
import { ModelRefusedError, readModel } from './model-file.ts';
import { type ItemNeighbours, itemNeighbours } from './neighbours.ts';
import type { Parameters } from './parameters.ts';
import {
  prepareScoring,
  type ScoreReply,
  type ScoreRequest,
  type ScoringModel,
  scoreBatch,
} from './score-batch.ts';

export type ScoringRequest = { call: number } & (
  | { op: 'open'; path: string }
  | ({ op: 'score' } & ScoreRequest)
  | { op: 'neighbours'; numbers: Uint32Array; k: number }
);

export type ScoringReply = { call: number } & (
  | { opened: Parameters }
  | { refused: string }
  | { scored: ScoreReply }
  | { neighbours: ItemNeighbours }
  | { failed: Error }
);

/** One request after the other: they share the cores anyway, and memory is that of one batch. */
let last: Promise<unknown> = Promise.resolve();
let scoring: ScoringModel | undefined;
const dense = createDenseProducts(availableParallelism());

const answer = async (request: ScoringRequest): Promise<ScoringReply> => {
  const { call } = request;
  if (request.op === 'open') {
    try {
      const next = prepareScoring(await readModel(request.path));
      const square = squareOf(next.model);
      await (await dense).keep(
        [next.model.lowRank.factors, ...(square ? [square] : [])].filter(({ values }) => values.length > 0),
      );
      scoring = next;
      return { call, opened: scoring.model.parameters };
    } catch (error) {
      if (error instanceof ModelRefusedError) return { call, refused: error.message };
      throw error;
    }
  }
  if (!scoring) throw new Error('no model is open');
  if (request.op === 'neighbours')
    return { call, neighbours: itemNeighbours(scoring, request.numbers, request.k) };
  return { call, scored: await scoreBatch(scoring, request, await dense) };
};

parentPort?.on('message', (request: ScoringRequest) => {
  last = last
    .then(() => answer(request))
    .catch((error: unknown) => ({
      call: request.call,
      failed: error instanceof Error ? error : new Error(String(error)),
    }))
    .then((reply) => parentPort?.postMessage(reply));
});
