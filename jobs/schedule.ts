import type { Job } from '../src/queue/define-job.ts';
import { sweep } from './sweep.ts';

export interface Scheduled {
  job: Job;
  /** Six fields, the first is seconds; UTC. */
  cron: string;
  payload: unknown;
}

/** What the scheduler enqueues and when. Each time is one job, however many schedulers run. */
export const schedule: readonly Scheduled[] = [{ job: sweep, cron: '*/5 * * * * *', payload: {} }];
