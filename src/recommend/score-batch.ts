import type { DenseProducts } from './dense.ts';
import { createExplain, type Explain } from './explain.ts';
import { type LocalScores, type Model, scoreUsers } from './model.ts';
import type { StoredModel } from './model-file.ts';
import { emptySparse, type Sparse } from './sparse.ts';
import { topItems } from './top.ts';

/** A ragged table: row r is entries `starts[r]` up to, not including, `starts[r + 1]`. */
export interface Rows {
  starts: Uint32Array;
  numbers: Uint32Array;
}

/** Everything by product numbers. */
export interface ScoreRequest {
  /** What each user likes, and how much, the strongest first. */
  profiles: Rows & { values: Float32Array };
  /** What is not to be on the list. */
  seen: Rows;
  /** Products whose score is wanted, seen or not. */
  asked: Rows;
  /** A bit per number of what may be on lists; without it everything may. */
  allowed: Uint8Array | undefined;
  k: number;
}

/** Scores from above 0 to 1, the best of each user's list being 1. */
export interface ScoreReply {
  lists: Rows & { scores: Float32Array; because: Uint32Array };
  /** Of `asked`, in its order; 0 where the model says nothing. */
  asked: Float32Array;
}

/** Floats of a block of scores: 32 MB of them. */
const blockFloats = 8_000_000;

/** A model, ready to score users by product numbers. */
export interface ScoringModel {
  model: Model;
  /** The product's number of each item. */
  products: Uint32Array;
  /** The item of each product number; -1 where the model has none. */
  itemOf: Int32Array;
  explain: Explain;
  /** For the scores of a block of users, kept from one batch to the next. */
  room: Float32Array;
}

export const prepareScoring = ({ model, products }: StoredModel): ScoringModel => {
  const highest = products.reduce((most, number) => Math.max(most, number), 0);
  const itemOf = new Int32Array(highest + 1).fill(-1);
  products.forEach((number, item) => {
    itemOf[number] = item;
  });
  return { model, products, itemOf, explain: createExplain(model, products), room: new Float32Array() };
};

/** Rows `from` up to `to` by items instead of numbers; products that the model does not know are left out. */
const byItems = (
  { model, itemOf }: ScoringModel,
  { starts, numbers, values }: Rows & { values?: Float32Array },
  from: number,
  to: number,
): Sparse => {
  const matrix = emptySparse(to - from, model.itemCount, (starts[to] as number) - (starts[from] as number));
  let filled = 0;
  for (let row = from; row < to; row += 1) {
    for (let at = starts[row] as number; at < (starts[row + 1] as number); at += 1) {
      const item = itemOf[numbers[at] as number] ?? -1;
      if (item < 0) continue;
      matrix.indices[filled] = item;
      matrix.values[filled] = values ? (values[at] as number) : 1;
      filled += 1;
    }
    matrix.starts[row - from + 1] = filled;
  }
  return matrix;
};

const isAllowed = (allowed: Uint8Array, number: number): boolean =>
  ((allowed[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;

/**
 * Each user's best products with what among their own speaks most for each, and the scores of those asked for. What a user
 * has seen has no score of the whole model, so what is asked of that gets the share of its local part.
 */
export const scoreBatch = async (
  scoring: ScoringModel,
  request: ScoreRequest,
  dense: DenseProducts,
): Promise<ScoreReply> => {
  const { model, products, itemOf, explain } = scoring;
  const { itemCount } = model;
  const users = request.profiles.starts.length - 1;
  const lists = {
    starts: new Uint32Array(users + 1),
    numbers: new Uint32Array(users * request.k),
    scores: new Float32Array(users * request.k),
    because: new Uint32Array(users * request.k),
  };
  const asked = new Float32Array(request.asked.numbers.length);
  const { allowed } = request;
  const hidden: number[] = [];
  for (let item = 0; allowed && item < itemCount; item += 1)
    if (!isAllowed(allowed, products[item] as number)) hidden.push(item);

  /**
   * What is asked for gets its share of what the local part says loudest of anything that may be on a list. For what is
   * seen that stays, as the scores of both parts leave it out.
   */
  const listen = (user: number, { sums, said }: LocalScores): void => {
    let most = 0;
    for (let place = 0; place < said.length; place += 1) {
      const item = said[place] as number;
      const score = sums[item] as number;
      if (score > most && (!allowed || isAllowed(allowed, products[item] as number))) most = score;
    }
    if (most === 0) return;
    const { starts, numbers } = request.asked;
    for (let at = starts[user] as number; at < (starts[user + 1] as number); at += 1) {
      const item = itemOf[numbers[at] as number] ?? -1;
      if (item >= 0) asked[at] = Math.min(Math.max((sums[item] as number) / most, 0), 1);
    }
  };

  let filled = 0;
  const blocks = Math.ceil((users * itemCount) / blockFloats);
  const block = Math.ceil(users / Math.max(blocks, 1));
  if (scoring.room.length < block * itemCount) scoring.room = new Float32Array(block * itemCount);
  for (let from = 0; from < users; from += block) {
    const to = Math.min(users, from + block);
    const batch = {
      profiles: byItems(scoring, request.profiles, from, to),
      seen: byItems(scoring, request.seen, from, to),
    };
    const scores = await scoreUsers(model, batch, dense, {
      room: scoring.room,
      onLocal: (user, local) => listen(from + user, local),
    });
    for (let user = from; user < to; user += 1) {
      const row = scores.subarray((user - from) * itemCount, (user - from + 1) * itemCount);
      for (const item of hidden) row[item] = Number.NEGATIVE_INFINITY;
      const top = topItems(row, request.k);
      const best = top.scores[0] ?? 0;
      const { starts, numbers } = request.asked;
      for (let at = starts[user] as number; at < (starts[user + 1] as number); at += 1) {
        const item = itemOf[numbers[at] as number] ?? -1;
        const score = item < 0 ? Number.NEGATIVE_INFINITY : (row[item] as number);
        if (score === Number.NEGATIVE_INFINITY) continue;
        asked[at] = best > 0 ? Math.min(Math.max(score / best, 0), 1) : 0;
      }
      const listed = top.scores.findIndex((score) => score <= 0);
      const items = top.items.subarray(0, listed < 0 ? top.items.length : listed);
      const speakers = explain(batch.profiles, user - from, items);
      for (let place = 0; place < items.length; place += 1) {
        lists.numbers[filled] = products[items[place] as number] as number;
        lists.scores[filled] = (top.scores[place] as number) / best;
        lists.because[filled] = speakers[place] as number;
        filled += 1;
      }
      lists.starts[user + 1] = filled;
    }
  }
  return {
    lists: {
      starts: lists.starts,
      numbers: lists.numbers.slice(0, filled),
      scores: lists.scores.slice(0, filled),
      because: lists.because.slice(0, filled),
    },
    asked,
  };
};
