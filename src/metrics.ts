import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The figures of one process. No label is called `job` or `instance`: Prometheus has its own of these names.
 * `src/metrics-exchange.ts` adds those of all processes together.
 */
export const createMetrics = () => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'zyra_' });
  const latency = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  return {
    registry,
    http: new Histogram({
      name: 'zyra_http_request_seconds',
      help: 'Time to answer, by route and status.',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: latency,
      registers,
    }),
    accepted: new Counter({
      name: 'zyra_events_accepted_total',
      help: 'Events answered with 202: durable in the queue.',
      labelNames: ['type'] as const,
      registers,
    }),
    outcomes: new Counter({
      name: 'zyra_events_total',
      help: 'What became of events in the workers: applied, repeated, conflict, waiting, failed, refused, dropped.',
      labelNames: ['type', 'outcome'] as const,
      registers,
    }),
    eventToApplied: new Histogram({
      name: 'zyra_event_to_applied_seconds',
      help: 'From the arrival of an event to its committed rows.',
      labelNames: ['type'] as const,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
      registers,
    }),
    jobs: new Counter({
      name: 'zyra_jobs_total',
      help: 'Runs of jobs that ended, by outcome.',
      labelNames: ['job_name', 'queue', 'outcome'] as const,
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'zyra_job_seconds',
      help: 'Run time of jobs, outages that were waited out included.',
      labelNames: ['job_name'] as const,
      buckets: [...latency, 30, 60, 300],
      registers,
    }),
    outages: new Counter({
      name: 'zyra_worker_outage_retries_total',
      help: 'Tries put off because PostgreSQL or Redis was away.',
      registers,
    }),
    stalled: new Counter({
      name: 'zyra_jobs_stalled_total',
      help: 'Jobs taken over from a worker that died or froze.',
      labelNames: ['queue'] as const,
      registers,
    }),
    lockRenewalFailed: new Counter({
      name: 'zyra_lock_renewal_failed_total',
      help: 'Lock renewals that failed: the process was blocked or Redis away.',
      labelNames: ['queue'] as const,
      registers,
    }),
    differences: new Counter({
      name: 'zyra_reconcile_differences_total',
      help: 'Rows whose aggregate differed from a recount, and was repaired. Normally none.',
      labelNames: ['aggregate'] as const,
      registers,
    }),
    removed: new Counter({
      name: 'zyra_retention_removed_total',
      help: 'Rows removed because they were past their age, by table.',
      labelNames: ['table'] as const,
      registers,
    }),
    refusedArtifacts: new Counter({
      name: 'zyra_artifacts_refused_total',
      help: 'Files of the index or models that were missing, corrupt or not what their manifest says.',
      registers,
    }),
    listsMade: new Counter({
      name: 'zyra_lists_made_total',
      help: "Users' lists that were made and stored, for an event or in a pass over all users.",
      labelNames: ['why'] as const,
      registers,
    }),
    unloggedAnswers: new Counter({
      name: 'zyra_recommendations_unlogged_total',
      help: 'Recommendations that were answered but not logged, by reason.',
      labelNames: ['why'] as const,
      registers,
    }),
    up: new Gauge({
      name: 'zyra_process_up',
      help: '1 for each process whose figures are in this scrape.',
      labelNames: ['process'] as const,
      registers,
    }),
  };
};

export type Metrics = ReturnType<typeof createMetrics>;
