import type { refreshUsers } from '../jobs/refresh-users.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshUsers: Handler<typeof refreshUsers> = followUp(
  'list',
  async (keys, { lists, metrics }) => {
    metrics.listsMade.inc({ why: 'event' }, await lists.refresh(keys.map(({ key }) => key)));
  },
  { batchKeys: 50, atOnce: 2 },
);
