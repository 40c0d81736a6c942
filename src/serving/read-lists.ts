import type { Redis } from 'ioredis';
import type { Catalogue } from './catalogue.ts';
import { decodeAlias, type ListView, sessionKey, userListKey, viewList } from './user-list.ts';

/** What is stored for someone. */
export interface ReadList {
  /** Redis answered in time. */
  reached: boolean;
  /** Whose it is: the user asked for, or the person they turned out to be. */
  userId: string;
  /** There is a list, though it may say that nothing is known. */
  stored: boolean;
  /** Undefined where nothing is known of the user. */
  view: ListView | undefined;
}

/** Reads lists together with the tail of the change stream, so that the catalogue knows every change told before. */
export interface ListReader {
  /** Never rejects. `sessionId`: whose session it is answers for a user of whom nothing is known. */
  read(userId: string, sessionId?: string): Promise<ReadList>;
}

interface ListReaderParts {
  cache: Redis;
  prefix: string;
  catalogue: Catalogue;
  /** Later answers are not waited for. */
  patienceMs?: number;
}

interface Wanted {
  key: string;
  settle(answer: { reached: boolean; packed: Buffer | null }): void;
}

const away = { reached: false, packed: null };

/**
 * What is asked for in one turn of the event loop goes in one pipeline: the tail of the stream is then read once for all
 * of them, and many callers share one write to the socket.
 */
export const createListReader = (parts: ListReaderParts): ListReader => {
  const { cache, prefix, catalogue, patienceMs = 250 } = parts;
  let wanted: Wanted[] = [];

  const readAll = async () => {
    const batch = wanted;
    wanted = [];
    let late: NodeJS.Timeout | undefined = setTimeout(() => {
      late = undefined;
      for (const { settle } of batch) settle(away);
    }, patienceMs);
    const pipeline = cache.pipeline();
    for (const { key } of batch) pipeline.getBuffer(key);
    const followed = catalogue.follow(pipeline);
    const answers = await pipeline.exec().catch(() => null);
    await followed(answers?.[batch.length]).catch(() => {});
    if (!late) return;
    clearTimeout(late);
    for (const [at, { settle }] of batch.entries()) {
      const [error, packed] = answers?.[at] ?? [new Error('no answer'), null];
      settle(error ? away : { reached: true, packed: packed as Buffer | null });
    }
  };

  const get = (key: string) =>
    new Promise<{ reached: boolean; packed: Buffer | null }>((settle) => {
      if (wanted.length === 0) setImmediate(() => void readAll());
      wanted.push({ key, settle });
    });

  const knownOf = (packed: Buffer | null): ListView | undefined => {
    const view = viewList(packed);
    return view && (view.count > 0 || view.hasSignals) ? view : undefined;
  };

  return {
    async read(userId, sessionId) {
      const session = sessionId === undefined ? undefined : get(sessionKey(prefix, sessionId));
      const { reached, packed } = await get(userListKey(prefix, userId));
      const person = decodeAlias(packed);
      if (person !== undefined) {
        const theirs = await get(userListKey(prefix, person));
        return {
          reached: theirs.reached,
          userId: person,
          stored: theirs.packed !== null,
          view: knownOf(theirs.packed),
        };
      }
      const found = { reached, userId, stored: packed !== null, view: knownOf(packed) };
      const visitor = decodeAlias((await session)?.packed);
      if (found.view || visitor === undefined || visitor === userId) return found;
      return { ...found, view: knownOf((await get(userListKey(prefix, visitor))).packed) };
    },
  };
};
