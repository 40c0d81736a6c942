import { recordInteractions } from '../jobs/record-interactions.ts';
import { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { applyInteractionColumns, applyInteractions } from '../src/db/interactions.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleRecordInteractions = applyEvents(recordInteractions, {
  apply: applyInteractions,
  applyColumns: applyInteractionColumns,
  wakes: [refreshUsers, refreshPopularity],
});
