import { defineFollowUp } from '../src/queue/define-job.ts';

/** Make the lists of users anew who did something. */
export const refreshUsers = defineFollowUp({
  name: 'refresh-users',
  queue: 'recommendations',
  kind: 'list',
  // Of a visitor's clicks and a shop's import alike, several come at once.
  delayMs: 30,
});
