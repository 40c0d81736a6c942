import type { Redis } from 'ioredis';
import type { Catalogue } from './catalogue.ts';
import { joinLists } from './join-lists.ts';
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
  /**
   * Never rejects. What was done in the session `sessionId` counts, too: its visitor's list answers for a user of whom
   * nothing is known, and joins the list of another.
   */
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

  /** What lies under an id, or under the person's it was merged into. */
  const follow = async (userId: string) => {
    const found = await get(userListKey(prefix, userId));
    const person = decodeAlias(found.packed);
    return person === undefined
      ? { userId, ...found }
      : { userId: person, ...(await get(userListKey(prefix, person))) };
  };

  return {
    async read(userId, sessionId) {
      const session = sessionId === undefined ? undefined : get(sessionKey(prefix, sessionId));
      const own = await follow(userId);
      const found = { ...own, stored: own.packed !== null, view: knownOf(own.packed) };
      const visitor = decodeAlias((await session)?.packed);
      if (visitor === undefined || visitor === own.userId) return found;
      const theirs = await follow(visitor);
      if (theirs.userId === own.userId) return found;
      const view = knownOf(theirs.packed);
      if (!view || !found.view) return { ...found, view: found.view ?? view };
      return { ...found, view: joinLists(own.packed, theirs.packed) };
    },
  };
};
