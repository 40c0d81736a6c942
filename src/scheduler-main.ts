import { schedule } from '../jobs/schedule.ts';
import { connectParts } from './parts.ts';
import { runProcess } from './process.ts';
import { startScheduler } from './queue/start-scheduler.ts';

await runProcess('scheduler', async ({ config, log }) => {
  const parts = await connectParts(config, log, 'scheduler');
  const scheduler = startScheduler(schedule, parts);
  return {
    async stop() {
      await scheduler.stop();
      await parts.close();
    },
  };
});
