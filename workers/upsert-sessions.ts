import { upsertSessions } from '../jobs/upsert-sessions.ts';
import { applySessions } from '../src/db/people.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpsertSessions = applyEvents(upsertSessions, {
  apply: applySessions,
  toRow: ({ session_id, event_id: _, received_at: __, occurred_at: ___, ...fields }) => ({
    session_id,
    fields,
  }),
});
