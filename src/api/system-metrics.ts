import { statfs } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { Counter, Gauge, Registry } from 'prom-client';
import { followUps } from '../../jobs/index.ts';
import { countDirty } from '../db/dirty-keys.ts';
import { countParked } from '../db/parked-events.ts';
import { findServedFigures, findServerFigures } from '../db/server-figures.ts';
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

/** The disk of the machine that is asked, where generated files or copies of them lie. */
const artifactsDisk = async (folder: string): Promise<{ free: number; size: number }> => {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, size: blocks * bsize };
};

/** What no process counts but everyone shares, asked for at scrape time: queues, books of the intake, servers. */
export const renderSystemMetrics = async ({
  db,
  producer,
  account,
  cache,
  config,
}: ApiParts): Promise<string> => {
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
  const parkedEvents = gauge('zyra_parked_events', 'Events set aside, by state.', 'state');
  const postgresUp = gauge('zyra_postgres_up', '1 if PostgreSQL answers.');
  const connections = gauge(
    'zyra_postgres_connections',
    'Connections of the PostgreSQL server, and its limit.',
    'kind',
  );
  const redisUp = gauge('zyra_redis_up', '1 if this Redis answers.', 'server');
  const redisBytes = gauge(
    'zyra_redis_memory_bytes',
    'Memory of this Redis, used and allowed.',
    'server',
    'kind',
  );
  const disk = gauge(
    'zyra_artifacts_disk_bytes',
    'Disk with the generated files, free for us and in all, of the machine that is asked.',
    'kind',
  );
  const stale = gauge('zyra_stale_keys', 'What waits for being recomputed, by kind.', 'kind');
  const version = gauge(
    'zyra_served_version',
    'Version of the model and generation of the index that are served; 0 without one.',
    'kind',
  );
  const made = gauge(
    'zyra_served_since_seconds',
    'When the model was trained and the index published.',
    'kind',
  );

  const [queues, totals, parked, postgres, queueMemory, cacheMemory, files, dirty, served] =
    await Promise.all([
      withinPatience(queueFigures(producer)),
      withinPatience(account.totals()),
      withinPatience(countParked(db)),
      withinPatience(findServerFigures(db)),
      withinPatience(redisMemory(producer.redis)),
      withinPatience(redisMemory(cache)),
      withinPatience(artifactsDisk(config.ARTIFACTS_DIR)),
      withinPatience(countDirty(db)),
      withinPatience(findServedFigures(db)),
    ]);

  for (const { name: queue, oldest_age_ms, waiting, active, delayed, failed } of queues ?? []) {
    for (const [state, count] of Object.entries({ waiting, active, delayed, failed }))
      jobs.set({ queue, state }, count);
    age.set({ queue }, (oldest_age_ms ?? 0) / 1_000);
  }
  // Not told rather than 0 where they are not known: a counter that goes back would count twice.
  if (totals) {
    counter('zyra_intake_accepted_events_total', 'Events taken by all processes, ever.').inc(totals.accepted);
    counter('zyra_intake_settled_events_total', 'Of these, applied, repeated or parked.').inc(totals.settled);
    counter('zyra_intake_missing_events_total', 'Of these, accepted and never applied: lost.').inc(
      totals.missing,
    );
    gauge('zyra_intake_open_events', 'Accepted minus settled: on their way.').set(
      totals.accepted - totals.settled,
    );
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
    gauge('zyra_postgres_database_bytes', 'Size of our database.').set(postgres.bytes);
  }
  for (const [server, memory] of [['queue', queueMemory] as const, ['cache', cacheMemory] as const]) {
    redisUp.set({ server }, memory ? 1 : 0);
    if (!memory) continue;
    redisBytes.set({ server, kind: 'used' }, memory.used);
    redisBytes.set({ server, kind: 'allowed' }, memory.max);
  }
  if (files) {
    disk.set({ kind: 'free' }, files.free);
    disk.set({ kind: 'size' }, files.size);
  }
  if (dirty) {
    for (const { kind } of followUps) stale.set({ kind }, 0);
    for (const { kind, marks } of dirty) stale.set({ kind }, marks);
  }
  if (served) {
    version.set({ kind: 'model' }, served.model ?? 0);
    version.set({ kind: 'index' }, served.index_generation ?? 0);
    if (served.model_trained !== null) made.set({ kind: 'model' }, served.model_trained);
    if (served.index_published !== null) made.set({ kind: 'index' }, served.index_published);
  }
  return registry.metrics();
};
