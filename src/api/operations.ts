import { z } from 'zod';
import { pendingMigrations } from '../db/migrate.ts';
import { findServingGeneration } from '../db/vector-indexes.ts';
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
    index: z.enum(['loaded', 'loading', 'none', 'unknown']).meta({
      description: '`none`: nothing has been published yet. `loading`: published, but not usable here (yet).',
    }),
  })
  .meta({ id: 'Readiness' });

/** `GET /readyz` */
export const getReadiness = defineRoute({
  method: 'get',
  path: '/readyz',
  scope: 'public',
  summary: 'Whether this process can do its work: PostgreSQL, both Redis, migrations, the index.',
  responses: {
    200: { description: 'It can.', schema: readiness },
    503: { description: 'It cannot; the body says for which part.', schema: readiness },
  },
  async handler(_, { db, producer, cache, vectors }) {
    const [pending, serving, queuePong, cachePong] = await Promise.all([
      withinPatience(pendingMigrations(db)),
      // Loaded once, it can be searched whatever PostgreSQL would say of it.
      vectors.manifest ?? withinPatience(findServingGeneration(db).then((found) => found ?? null)),
      withinPatience(producer.redis.ping()),
      withinPatience(cache.ping()),
    ]);
    const index = vectors.manifest ? 'loaded' : serving === null ? 'none' : serving ? 'loading' : 'unknown';
    const upOrDown = (pong: string | undefined) => (pong === undefined ? 'down' : 'up');
    const report: z.infer<typeof readiness> = {
      ready:
        pending?.length === 0 &&
        queuePong !== undefined &&
        cachePong !== undefined &&
        (index === 'loaded' || index === 'none'),
      postgresql: pending === undefined ? 'down' : 'up',
      redis_queue: upOrDown(queuePong),
      redis_cache: upOrDown(cachePong),
      migrations: pending === undefined ? 'unknown' : pending.length === 0 ? 'up to date' : 'pending',
      index,
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
