const { join } = require('node:path');

const { env } = process;

/** A process gives up by itself 2 s after its deadline (src/process.ts); only then may it be killed. */
const killTimeoutMs = Number(env.SHUTDOWN_TIMEOUT_MS || 8_000) + 4_000;

/** What all have in common. They get the environment of the shell that starts them: DATABASE_URL and the rest. */
const zyra = (name, script, { instances = 1, cluster = false, env: own = {} } = {}) => ({
  name,
  namespace: 'zyra',
  script: join('dist/src', script),
  cwd: __dirname,
  exec_mode: cluster ? 'cluster' : 'fork',
  instances,
  env: { NODE_ENV: 'production', ...own },
  source_map_support: true,
  // "ready" is sent when a process serves, so that a reload takes the old one down only then.
  wait_ready: true,
  listen_timeout: 60_000,
  kill_timeout: killTimeoutMs,
  // A server that is away ends a start after 10 s; the next try comes soon, then ever later, up to 15 s.
  exp_backoff_restart_delay: 100,
  merge_logs: true,
  // No probes inside the processes and no look at git: both are PM2's own and not needed.
  pmx: false,
  vizion: false,
});

/** One group per speed, so that none waits for a slower one's memory or processor. Together they serve every queue. */
const worker = (group, queues, concurrency) =>
  zyra(`zyra-worker-${group}`, 'worker-main.js', {
    env: { WORKER_QUEUES: queues.join(), WORKER_CONCURRENCY: concurrency },
  });

module.exports = {
  apps: [
    zyra('zyra-api', 'api-main.js', { cluster: true, instances: Number(env.ZYRA_API_INSTANCES || 2) }),
    // Batches of hundreds of events each: more at once only wait for each other's rows.
    worker('intake', ['interactions', 'purchases', 'reviews', 'catalog', 'users', 'audit'], 2),
    worker('recommendations', ['recommendations'], 4),
    worker('aggregates', ['aggregates', 'upkeep'], 2),
    worker('vectors', ['embeddings', 'index', 'shards'], 1),
    worker('training', ['training'], 1),
    zyra('zyra-scheduler', 'scheduler-main.js'),
  ],
};
