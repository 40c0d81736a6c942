import { requestLists } from '../../jobs/request-lists.ts';
import type { Log } from '../log.ts';
import type { Producer } from '../queue/producer.ts';

/** Asks for the lists of users who were answered without one, off the request's path. */
export interface ListRequests {
  /** Returns at once. A user who was asked for a moment ago is not asked for again. */
  ask(userId: string): void;
}

const gatherMs = 20;
const batchUsers = 200;
/** One more than these in a moment waits for its next reader: a flood of made-up ids must not become one of jobs. */
const rememberedUsers = 20_000;
const rememberMs = 10_000;

export const createListRequests = ({ producer, log }: { producer: Producer; log: Log }): ListRequests => {
  /** By when each was asked for, oldest first. */
  const asked = new Map<string, number>();
  let gathered: string[] = [];

  const send = () => {
    const users = gathered;
    gathered = [];
    for (let from = 0; from < users.length; from += batchUsers) {
      const user_ids = users.slice(from, from + batchUsers);
      producer.enqueue(requestLists, { user_ids }).catch((error: unknown) => {
        log.debug({ err: error, msg: 'lists could not be asked for' });
        for (const user of user_ids) asked.delete(user);
      });
    }
  };

  return {
    ask(userId) {
      const now = performance.now();
      for (const [user, at] of asked) {
        if (now - at < rememberMs) break;
        asked.delete(user);
      }
      if (asked.has(userId) || asked.size >= rememberedUsers) return;
      asked.set(userId, now);
      if (gathered.length === 0) setTimeout(send, gatherMs).unref();
      gathered.push(userId);
    },
  };
};
