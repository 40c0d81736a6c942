import type { Redis } from 'ioredis';
import { Counter, Gauge, Registry } from 'prom-client';
import { countParked } from '../db/parked-events.ts';
import { findConnections } from '../db/server-figures.ts';
import { queueFigures } from './queue-figures.ts';
import type { ApiParts } from './route.ts';

/** A scrape waits no longer for a part that is away; its `…_up` is 0 then. */
const patienceMs = 2_000;

/** The promise's value, or undefined when it fails or takes too long. */
export const withinPatience = async <T>(work: Promise<T>): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
};

const redisMemory = async (redis: Redis): Promise<{ used: number; max: number }> => {
  const info = await redis.info('memory');
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { used: field('used_memory'), max: field('maxmemory') };
};

/** What no process counts but everyone shares, asked for at scrape time: queues, books of the intake, servers. */
export const renderSystemMetrics = async ({ db, producer, account, cache }: ApiParts): Promise<string> => {
  const registry = new Registry();
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string) => new Counter({ name, help, registers });

  const jobs = gauge('zyra_queue_jobs', 'Jobs by queue and state.', 'queue', 'state');
  const age = gauge(
    'zyra_queue_oldest_age_seconds',
    'Age of the oldest job not done; 0 without any.',
    'queue',
  );
  const accepted = counter('zyra_intake_accepted_events_total', 'Events taken by all processes, ever.');
  const settled = counter('zyra_intake_settled_events_total', 'Of these, applied, repeated or parked.');
  const open = gauge('zyra_intake_open_events', 'Accepted minus settled: on their way.');
  const parkedEvents = gauge('zyra_parked_events', 'Events set aside, by state.', 'state');
  const postgresUp = gauge('zyra_postgres_up', '1 if PostgreSQL answers.');
  const connections = gauge(
    'zyra_postgres_connections',
    'Connections of the PostgreSQL server, and its limit.',
    'kind',
  );
  const redisUp = gauge('zyra_redis_up', '1 if this Redis answers.', 'instance');
  const redisBytes = gauge(
    'zyra_redis_memory_bytes',
    'Memory of this Redis, used and allowed.',
    'instance',
    'kind',
  );

  const [queues, totals, parked, postgres, queueMemory, cacheMemory] = await Promise.all([
    withinPatience(queueFigures(producer)),
    withinPatience(account.totals()),
    withinPatience(countParked(db)),
    withinPatience(findConnections(db)),
    withinPatience(redisMemory(producer.redis)),
    withinPatience(redisMemory(cache)),
  ]);

  for (const { name: queue, oldest_age_ms, waiting, active, delayed, failed } of queues ?? []) {
    for (const [state, count] of Object.entries({ waiting, active, delayed, failed }))
      jobs.set({ queue, state }, count);
    age.set({ queue }, (oldest_age_ms ?? 0) / 1_000);
  }
  if (totals) {
    accepted.inc(totals.accepted);
    settled.inc(totals.settled);
    open.set(totals.accepted - totals.settled);
  }
  if (parked) {
    for (const state of ['waiting', 'failed', 'refused'] as const) {
      parkedEvents.set({ state }, parked.find((row) => row.state === state)?.events ?? 0);
    }
  }
  postgresUp.set(postgres ? 1 : 0);
  if (postgres) {
    connections.set({ kind: 'used' }, postgres.used);
    connections.set({ kind: 'allowed' }, postgres.allowed);
  }
  for (const [instance, memory] of [['queue', queueMemory] as const, ['cache', cacheMemory] as const]) {
    redisUp.set({ instance }, memory ? 1 : 0);
    if (!memory) continue;
    redisBytes.set({ instance, kind: 'used' }, memory.used);
    redisBytes.set({ instance, kind: 'allowed' }, memory.max);
  }
  return registry.metrics();
};
