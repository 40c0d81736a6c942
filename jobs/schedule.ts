import type { Scheduled } from '../src/queue/start-scheduler.ts';
import { applyRetention } from './apply-retention.ts';
import { reconcile } from './reconcile.ts';
import { sweep } from './sweep.ts';

/** What the scheduler enqueues and when. Each time is one job, however many schedulers run. */
export const schedule: readonly Scheduled[] = [
  { job: sweep, cron: '*/5 * * * * *', payload: {} },
  { job: applyRetention, cron: '0 10 2 * * *', payload: {} },
  { job: reconcile, cron: '0 10 3 * * *', payload: {} },
];
