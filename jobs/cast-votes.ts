import { z } from 'zod';
import { uuid } from '../src/fields.ts';
import { defineEventJob } from '../src/queue/define-job.ts';

const vote = z.strictObject({ review_id: uuid, user_id: uuid });

/** Cast and withdraw helpful votes: one per user and review, none for one's own. */
export const castVotes = defineEventJob({
  name: 'cast-votes',
  queue: 'reviews',
  type: 'vote',
  ops: { put: { event: vote }, delete: { event: vote } },
});
