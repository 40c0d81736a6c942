import type { refreshUsers } from '../jobs/refresh-users.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshUsers: Handler<typeof refreshUsers> = followUp('list', (keys, { lists }) =>
  lists.refresh(keys.map(({ key }) => key)),
);
