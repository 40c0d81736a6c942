import { hostname } from 'node:os';
import { loadConfig } from './config.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { renderAllMetrics } from './metrics-exchange.ts';
import { connectForRequests, ready } from './queue/redis.ts';

// The health check of processes that listen on no port: they lay out their figures in the queue's Redis every second,
// so figures from this host that are not stale show a turning event loop and a way to the queue. Exits with 1 otherwise.
const config = loadConfig();
const redis = connectForRequests(
  config.REDIS_QUEUE_URL,
  createLog('alive', config.LOG_LEVEL),
  config.ENQUEUE_TIMEOUT_MS,
);
try {
  await ready(redis, 5_000);
  const figures = await renderAllMetrics({ redis, prefix: config.REDIS_PREFIX, own: createMetrics() });
  const processes = [...figures.matchAll(/^zyra_process_up\{process="([^"]+)"/gm)].map(([, name]) => name);
  const mine = processes.filter((name) => name?.replace(/-\d+$/, '').endsWith(`-${hostname()}`));
  console.log(
    mine.length > 0 ? `alive: ${mine.join(', ')}` : `no process of ${hostname()} among ${processes.length}`,
  );
  process.exitCode = mine.length > 0 ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  redis.disconnect();
}
