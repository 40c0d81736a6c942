import type { Scheduled } from '../src/queue/start-scheduler.ts';
import { sweep } from './sweep.ts';

/** What the scheduler enqueues and when. Each time is one job, however many schedulers run. */
export const schedule: readonly Scheduled[] = [{ job: sweep, cron: '*/5 * * * * *', payload: {} }];
