import type { ChainableCommander, Redis } from 'ioredis';
import { OutageError } from '../errors.ts';

/** What readers who keep things in memory are told. */
export type Change =
  | { kind: 'products'; version: number; facts: Uint8Array }
  /** Categories came, moved or changed: read the tree again. */
  | { kind: 'categories' }
  /** A generation of the vector index is published. */
  | { kind: 'index'; model: string; generation: number };

/**
 * So many entries are kept, each of up to a follow-up's batch of products. Readers look a few times a second; one that
 * was away for longer than these cover notices and loads everything anew.
 */
const kept = 4_000;
/** Entries read at once. */
const page = 500;

const keyOf = (prefix: string): string => `${prefix}:changes`;

const fieldsOf = (change: Change): (string | Buffer)[] => {
  switch (change.kind) {
    case 'products':
      return ['version', String(change.version), 'facts', Buffer.from(change.facts)];
    case 'categories':
      return [];
    case 'index':
      return ['model', change.model, 'generation', String(change.generation)];
  }
};

/** Tell every reader. @throws OutageError when the cache Redis did not take it; it may have all the same. */
export const appendChange = async (redis: Redis, prefix: string, change: Change): Promise<void> => {
  try {
    await redis.xadd(keyOf(prefix), 'MAXLEN', '~', kept, '*', 'kind', change.kind, ...fieldsOf(change));
  } catch (error) {
    throw new OutageError('the cache Redis did not take a change', { cause: error });
  }
};

/** Tell every reader that a generation of the index is published. @throws OutageError as `appendChange`. */
export const announceIndex = (
  redis: Redis,
  prefix: string,
  { model, generation }: { model: string; generation: number },
): Promise<void> => appendChange(redis, prefix, { kind: 'index', model, generation });

type Entry = [id: Buffer, fields: Buffer[]];

/** What an unknown kind means is for a newer version of this code. */
const parse = (fields: readonly Buffer[]): Change | undefined => {
  const values = new Map<string, Buffer>();
  for (let at = 0; at + 1 < fields.length; at += 2)
    values.set((fields[at] as Buffer).toString(), fields[at + 1] as Buffer);
  const text = (name: string): string => values.get(name)?.toString() ?? '';
  switch (text('kind')) {
    case 'products':
      return {
        kind: 'products',
        version: Number(text('version')),
        facts: values.get('facts') ?? new Uint8Array(),
      };
    case 'categories':
      return { kind: 'categories' };
    case 'index':
      return { kind: 'index', model: text('model'), generation: Number(text('generation')) };
    default:
      return undefined;
  }
};

/** The part of the stream behind a place in it. */
export interface Tail {
  changes: Change[];
  /** Where it ends: the place of its last entry. */
  last: string;
  /** There is more behind it. */
  more: boolean;
}

/**
 * Ask for what came after `place`, in a pipeline of the caller's. The entry at the place itself is asked for as well:
 * when it is no longer there, the stream was trimmed past it, flushed or evicted, and what came is not known.
 */
export const askTail = (pipeline: ChainableCommander, prefix: string, place: string): void => {
  pipeline.xrangeBuffer(keyOf(prefix), place, '+', 'COUNT', page + 1);
};

/** Read the answer to `askTail`; undefined when the stream no longer reaches back to the place. */
export const readTail = (answer: unknown, place: string): Tail | undefined => {
  const entries = answer as Entry[];
  const [anchor, ...after] = entries;
  if (anchor?.[0].toString() !== place) return undefined;
  return {
    changes: after.flatMap(([, fields]) => parse(fields) ?? []),
    last: after.at(-1)?.[0].toString() ?? place,
    more: after.length === page,
  };
};

/** The place of the newest entry. An empty stream gets a first one, because a place must be there to be found again. */
export const findEnd = async (redis: Redis, prefix: string): Promise<string> => {
  const [newest] = await redis.xrevrange(keyOf(prefix), '+', '-', 'COUNT', 1);
  return newest?.[0] ?? ((await redis.xadd(keyOf(prefix), '*', 'kind', 'begin')) as string);
};

/** Whether one place lies behind another. */
export const isBehind = (place: string, other: string): boolean => {
  const [[ms = 0, nth = 0], [otherMs = 0, otherNth = 0]] = [place, other].map((text) =>
    text.split('-').map(Number),
  ) as [number[], number[]];
  return ms > otherMs || (ms === otherMs && nth > otherNth);
};
