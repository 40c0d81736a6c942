import type { Redis } from 'ioredis';
import { OutageError } from '../errors.ts';
import type { Hits } from '../vectors/vector-index.ts';

/** The most a list holds. */
export const listLength = 100;

const headerBytes = 4;
const entryBytes = 8;

/** Where a product's list lies in the cache Redis. */
export const similarKey = (prefix: string, number: number): string => `${prefix}:similar:${number}`;

/** A list as it is stored: the generation it was made from, then number and score of each, nearest first. */
export const packList = (generation: number, { numbers, scores }: Hits): Buffer => {
  const packed = Buffer.alloc(headerBytes + numbers.length * entryBytes);
  packed.writeUInt32LE(generation >>> 0, 0);
  for (let at = 0; at < numbers.length; at += 1) {
    packed.writeUInt32LE(numbers[at] as number, headerBytes + at * entryBytes);
    packed.writeFloatLE(scores[at] as number, headerBytes + at * entryBytes + 4);
  }
  return packed;
};

/** Undefined where there is none, or none that can be read. */
export const unpackList = (packed: Buffer | null | undefined): Hits | undefined => {
  if (!packed || packed.length < headerBytes || (packed.length - headerBytes) % entryBytes !== 0)
    return undefined;
  const count = (packed.length - headerBytes) / entryBytes;
  const numbers = new Uint32Array(count);
  const scores = new Float32Array(count);
  for (let at = 0; at < count; at += 1) {
    numbers[at] = packed.readUInt32LE(headerBytes + at * entryBytes);
    scores[at] = packed.readFloatLE(headerBytes + at * entryBytes + 4);
  }
  return { numbers, scores };
};

/** The first `most` hits other than the product itself. */
export const withoutSelf = ({ numbers, scores }: Hits, self: number, most: number): Hits => {
  const kept = [...numbers.keys()].filter((at) => numbers[at] !== self).slice(0, most);
  return {
    numbers: Uint32Array.from(kept, (at) => numbers[at] as number),
    scores: Float32Array.from(kept, (at) => scores[at] as number),
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
): Promise<(Hits | undefined)[]> => {
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
  lists: ReadonlyMap<number, Hits | undefined>,
): Promise<void> => {
  await run(redis, (pipeline) => {
    for (const [number, hits] of lists) {
      if (hits && hits.numbers.length > 0)
        pipeline.set(similarKey(prefix, number), packList(generation, hits));
      else pipeline.unlink(similarKey(prefix, number));
    }
  });
};
