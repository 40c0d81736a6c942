import { constants, setPriority } from 'node:os';
import { eventJobs, jobs } from '../jobs/index.ts';
import { handlers } from '../workers/index.ts';
import { ConfigError } from './config.ts';
import { runProcess } from './process.ts';
import { type QueueName, queueNames } from './queue/queues.ts';
import { connectForWork } from './queue/redis.ts';
import { startWorkers } from './queue/start-workers.ts';

const parseQueues = (list: string): QueueName[] => {
  if (list === 'all') return queueNames;
  const wanted = list.split(',').map((name) => name.trim());
  const unknown = wanted.filter((name) => !queueNames.includes(name as QueueName));
  if (unknown.length > 0) throw new ConfigError(`WORKER_QUEUES: no such queue: ${unknown.join(', ')}`);
  return wanted as QueueName[];
};

await runProcess('worker', async (parts) => {
  const { config, log } = parts;
  const only = parseQueues(config.WORKER_QUEUES);
  // Taking events and applying them comes first where one machine does everything. Threads inherit it. Where Linux weighs
  // sessions (autogroup) it counts within ours alone; giving way with the whole session made lists late and intake no quicker.
  if (!eventJobs.some(({ queue }) => only.includes(queue)))
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const redis = connectForWork(config.REDIS_QUEUE_URL, log);
  const workers = startWorkers({
    redis,
    jobs,
    handlers,
    context: parts,
    log,
    only,
    onStuck: () => process.exit(1),
  });
  return { stop: () => workers.close(config.SHUTDOWN_TIMEOUT_MS) };
});
