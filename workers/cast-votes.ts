import { castVotes } from '../jobs/cast-votes.ts';
import { refreshHelpfulCounts } from '../jobs/refresh-helpful-counts.ts';
import { applyVotes } from '../src/db/reviews.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleCastVotes = applyEvents(castVotes, {
  apply: applyVotes,
  wakes: [refreshHelpfulCounts],
});
