import { refreshUsers } from '../jobs/refresh-users.ts';
import type { requestLists } from '../jobs/request-lists.ts';
import { markLists } from '../src/db/list-marks.ts';
import { wake } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRequestLists: Handler<typeof requestLists> = async ({ user_ids }, { db, producer }) => {
  await markLists(db, user_ids);
  await wake(producer, refreshUsers);
};
