import { listUserIds } from '../db/signals.ts';
import { listVisits } from '../db/visits.ts';
import type { Context } from '../queue/handler.ts';

/** Lists that an event made stale wait for the pages under way, so none is long. */
const pageUsers = 128;
/** One is read while others are searched for, scored and written: with fewer, cores idle. */
const pagesAtOnce = 4;

/**
 * Make the lists of all users after one, in the order of their ids, and remember whose today's visits are. `onPage` is told
 * how many are done and up to whom; all before are done as well. What it throws ends the pass.
 */
export const refreshEveryList = async (
  { db, lists }: Pick<Context, 'db' | 'lists'>,
  after: string | null,
  onPage: (users: number, last: string) => Promise<void>,
): Promise<void> => {
  const underWay: { users: number; last: string; made: Promise<number> }[] = [];
  const settle = async () => {
    const page = underWay.shift();
    if (!page) return;
    await page.made;
    await onPage(page.users, page.last);
  };
  for (let place = after; ; ) {
    const ids = (await listUserIds(db, place, pageUsers)).map(({ user_id }) => user_id);
    const last = ids.at(-1);
    if (last === undefined) break;
    place = last;
    const made = listVisits(db, ids).then((visits) =>
      lists.refresh(
        ids.map((id) => ({ id })),
        visits,
      ),
    );
    made.catch(() => {}); // Waited for below.
    underWay.push({ users: ids.length, last, made });
    if (underWay.length >= pagesAtOnce) await settle();
  }
  while (underWay.length > 0) await settle();
};
