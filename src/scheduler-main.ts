import { schedule } from '../jobs/schedule.ts';
import { runProcess } from './process.ts';
import { startScheduler } from './queue/start-scheduler.ts';

await runProcess('scheduler', async (parts) => startScheduler(schedule, parts));
