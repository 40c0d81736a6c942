import type { EventJob, FollowUp } from '../src/queue/define-job.ts';
import { recordInteractions } from './record-interactions.ts';
import { refreshPopularity } from './refresh-popularity.ts';
import { sweep } from './sweep.ts';

/** Every job of the system. `workers/index.ts` has a handler for each, or does not compile. */
export const jobs = { recordInteractions, refreshPopularity, sweep };

/** The jobs that carry events, by the type their events have in `POST /v1/events`. */
export const eventJobs: Record<string, EventJob> = { interaction: recordInteractions };

/** The jobs that bring up to date what events made stale. */
export const followUps: readonly FollowUp[] = [refreshPopularity];
