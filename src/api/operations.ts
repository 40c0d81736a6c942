import { z } from 'zod';
import { pendingMigrations } from '../db/migrate.ts';
import { renderAllMetrics } from '../metrics-exchange.ts';
import { defineRoute } from './route.ts';
import { renderSystemMetrics, withinPatience } from './system-metrics.ts';

/** `GET /healthz` */
export const getHealth = defineRoute({
  method: 'get',
  path: '/healthz',
  scope: 'public',
  summary: 'Whether this process is alive.',
  responses: { 200: { description: 'It is.', schema: z.object({ status: z.literal('ok') }) } },
  handler: () => ({ json: { status: 'ok' } }),
});

const state = z.enum(['up', 'down']);
const readiness = z
  .object({
    ready: z.boolean(),
    postgresql: state,
    redis_queue: state,
    redis_cache: state,
    migrations: z.enum(['up to date', 'pending', 'unknown']),
  })
  .meta({ id: 'Readiness' });

/** `GET /readyz` */
export const getReadiness = defineRoute({
  method: 'get',
  path: '/readyz',
  scope: 'public',
  summary: 'Whether this process can do its work: PostgreSQL, both Redis, migrations.',
  responses: {
    200: { description: 'It can.', schema: readiness },
    503: { description: 'It cannot; the body says for which part.', schema: readiness },
  },
  async handler(_, { db, producer, cache }) {
    const [pending, queuePong, cachePong] = await Promise.all([
      withinPatience(pendingMigrations(db)),
      withinPatience(producer.redis.ping()),
      withinPatience(cache.ping()),
    ]);
    const upOrDown = (pong: string | undefined) => (pong === undefined ? 'down' : 'up');
    const report: z.infer<typeof readiness> = {
      ready: pending?.length === 0 && queuePong !== undefined && cachePong !== undefined,
      postgresql: pending === undefined ? 'down' : 'up',
      redis_queue: upOrDown(queuePong),
      redis_cache: upOrDown(cachePong),
      migrations: pending === undefined ? 'unknown' : pending.length === 0 ? 'up to date' : 'pending',
    };
    return { status: report.ready ? 200 : 503, json: report };
  },
});

/** `GET /metrics` */
export const getMetrics = defineRoute({
  method: 'get',
  path: '/metrics',
  scope: 'admin',
  summary: 'Figures of all processes for Prometheus.',
  description: 'Counters and histograms are summed over all processes, gauges carry the label `process`.',
  responses: { 200: { description: 'Prometheus text format.', type: 'text/plain' } },
  async handler(_, parts) {
    const [processes, system] = await Promise.all([
      renderAllMetrics({
        redis: parts.producer.redis,
        prefix: parts.config.REDIS_PREFIX,
        own: parts.metrics,
      }),
      renderSystemMetrics(parts),
    ]);
    return { text: `${processes}\n${system}`, type: 'text/plain; version=0.0.4; charset=utf-8' };
  },
});
