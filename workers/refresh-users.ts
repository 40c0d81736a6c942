import type { refreshUsers } from '../jobs/refresh-users.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

// Fewer at once would be searched for one by one: FAISS multiplies matrices from twenty queries on.
export const handleRefreshUsers: Handler<typeof refreshUsers> = followUp(
  'list',
  async (keys, { lists, metrics }) => {
    const users = new Map(keys.map(({ key, additions }) => [key, { id: key, additions }]));
    const made = await lists.refresh(
      [...users.values()],
      keys.flatMap(({ key, other }) => (other === null ? [] : [{ user_id: key, session_id: other }])),
    );
    metrics.listsMade.inc({ why: 'event' }, made);
  },
  { batchKeys: 25, crowdKeys: 128, atOnce: 3 },
);
