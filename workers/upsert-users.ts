import { upsertUsers } from '../jobs/upsert-users.ts';
import { applyUsers } from '../src/db/people.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpsertUsers = applyEvents(upsertUsers, {
  apply: applyUsers,
  toRow: (
    { user_id, event_id: _, received_at: __, occurred_at: ___, password_hash, ...fields },
    { sealer },
  ) => ({
    user_id,
    fields: {
      ...fields,
      ...(password_hash === undefined
        ? {}
        : { password_hash: password_hash === null ? null : sealer.unseal(password_hash as string) }),
    },
  }),
});
