import type { Redis } from 'ioredis';
import { OutageError } from '../errors.ts';

/** The most a list holds. */
export const listLength = 100;

/** The products similar to one, best first: both scores from 0 to 1, 0 where that kind says nothing. */
export interface SimilarList {
  numbers: Uint32Array;
  /** Cosine of the vectors. */
  content: Float32Array;
  collaborative: Float32Array;
}

/** By content alone. */
export interface Near {
  numbers: Uint32Array;
  scores: Float32Array;
}

export const noSimilar: SimilarList = {
  numbers: new Uint32Array(),
  content: new Float32Array(),
  collaborative: new Float32Array(),
};

/** The later in its kind's order, the less a score counts: half as much after so many better ones. */
const damping = 10;

const damped = (scores: Float32Array, numbers: Uint32Array): Float32Array => {
  const counted = new Float32Array(scores.length);
  // Ties go to the smaller number, so that ranks do not depend on the order the entries stand in.
  const order = [...scores.keys()].sort(
    (a, b) =>
      (scores[b] as number) - (scores[a] as number) || (numbers[a] as number) - (numbers[b] as number),
  );
  for (const [rank, at] of order.entries())
    counted[at] = ((scores[at] as number) * damping) / (damping + rank);
  return counted;
};

/**
 * One score of both kinds, for each entry: the mean of both, damped by rank, so that the best of either come first however
 * many near-copies of a product there are. A product that the model says nothing of has its content alone.
 */
export const scoresOf = ({ numbers, content, collaborative }: SimilarList): Float32Array => {
  if (!collaborative.some((score) => score > 0)) return content;
  const [near, beside] = [damped(content, numbers), damped(collaborative, numbers)];
  return near.map((score, at) => (score + (beside[at] as number)) / 2);
};

/** One list of what is near by content and of what goes with it by the model: the best `most`. */
export const blendSimilar = (content: Near, collaborative: Near, most: number): SimilarList => {
  const places = new Map<number, number>();
  for (const number of [...content.numbers, ...collaborative.numbers])
    if (!places.has(number)) places.set(number, places.size);
  const list: SimilarList = {
    numbers: Uint32Array.from(places.keys()),
    content: new Float32Array(places.size),
    collaborative: new Float32Array(places.size),
  };
  const put = ({ numbers, scores }: Near, into: Float32Array) =>
    numbers.forEach((number, at) => {
      into[places.get(number) as number] = Math.min(Math.max(scores[at] as number, 0), 1);
    });
  put(content, list.content);
  put(collaborative, list.collaborative);
  const scores = scoresOf(list);
  // Equal ones stay as they are: nearest first.
  return pick(
    list,
    [...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number)).slice(0, most),
  );
};

/** The entries at these places. */
export const pick = (list: SimilarList, places: readonly number[]): SimilarList => ({
  numbers: Uint32Array.from(places, (at) => list.numbers[at] as number),
  content: Float32Array.from(places, (at) => list.content[at] as number),
  collaborative: Float32Array.from(places, (at) => list.collaborative[at] as number),
});

const headerBytes = 4;
const entryBytes = 8;
const scoreSteps = 65_535;

/** Where a product's list lies in the cache Redis. */
export const similarKey = (prefix: string, number: number): string => `${prefix}:similar:${number}`;

/** A list as it is stored: the generation it was made from, then number and both scores of each. */
export const packList = (generation: number, { numbers, content, collaborative }: SimilarList): Buffer => {
  const packed = Buffer.alloc(headerBytes + numbers.length * entryBytes);
  packed.writeUInt32LE(generation >>> 0, 0);
  for (let place = 0; place < numbers.length; place += 1) {
    const at = headerBytes + place * entryBytes;
    packed.writeUInt32LE(numbers[place] as number, at);
    packed.writeUInt16LE(Math.round((content[place] as number) * scoreSteps), at + 4);
    packed.writeUInt16LE(Math.round((collaborative[place] as number) * scoreSteps), at + 6);
  }
  return packed;
};

/** Undefined where there is none, or none that can be read. */
export const unpackList = (packed: Buffer | null | undefined): SimilarList | undefined => {
  if (!packed || packed.length < headerBytes || (packed.length - headerBytes) % entryBytes !== 0)
    return undefined;
  const count = (packed.length - headerBytes) / entryBytes;
  const places = Array.from({ length: count }, (_, place) => headerBytes + place * entryBytes);
  return {
    numbers: Uint32Array.from(places, (at) => packed.readUInt32LE(at)),
    content: Float32Array.from(places, (at) => packed.readUInt16LE(at + 4) / scoreSteps),
    collaborative: Float32Array.from(places, (at) => packed.readUInt16LE(at + 6) / scoreSteps),
  };
};

const run = async (redis: Redis, commands: (pipeline: ReturnType<Redis['pipeline']>) => void) => {
  const pipeline = redis.pipeline();
  commands(pipeline);
  const answers = await pipeline.exec().catch((error: unknown) => {
    throw new OutageError('the cache Redis is away', { cause: error });
  });
  return (answers ?? []).map(([error, answer]) => {
    if (error) throw new OutageError('the cache Redis refused a command', { cause: error });
    return answer;
  });
};

/** The lists of these products as they are now. @throws OutageError */
export const readLists = async (
  redis: Redis,
  prefix: string,
  numbers: readonly number[],
): Promise<(SimilarList | undefined)[]> => {
  const answers = await run(redis, (pipeline) => {
    for (const number of numbers) pipeline.getBuffer(similarKey(prefix, number));
  });
  return answers.map((packed) => unpackList(packed as Buffer | null));
};

/** Store the lists of these products; one without neighbours has none. @throws OutageError */
export const writeLists = async (
  redis: Redis,
  prefix: string,
  generation: number,
  lists: ReadonlyMap<number, SimilarList>,
): Promise<void> => {
  await run(redis, (pipeline) => {
    for (const [number, list] of lists) {
      if (list.numbers.length > 0) pipeline.set(similarKey(prefix, number), packList(generation, list));
      else pipeline.unlink(similarKey(prefix, number));
    }
  });
};
