import { queueFigures } from '../api/queue-figures.ts';
import type { Config } from '../config.ts';
import { listOpenKeys } from '../db/api-keys.ts';
import { createDatabase, type Db } from '../db/database.ts';
import { describeDatabase, tryWriting } from '../db/doctor.ts';
import { pendingMigrations } from '../db/migrate.ts';
import { countParked } from '../db/parked-events.ts';
import { createLog } from '../log.ts';
import { createProducer, type Producer } from '../queue/producer.ts';
import { connectForRequests, ready, unsafeSettings } from '../queue/redis.ts';
import { attempt, type Finding, failed, ok, size, span, warning } from './doctor-finding.ts';

const oldestPostgres = 140_000;

/** PostgreSQL: reachable, current, durable, writable; what it holds for operators. */
export const checkDatabase = async (config: Config): Promise<Finding[]> => {
  const db = createDatabase(config.DATABASE_URL, { poolSize: 2, queryTimeoutMs: 6_000, name: 'zyra-doctor' });
  try {
    const reached = await attempt('postgresql', 'start it, or correct DATABASE_URL', () => checkServer(db));
    if (reached.some(({ state }) => state === 'failed')) return reached;
    const schema = await attempt('migrations', 'look at the table schema_migrations', () =>
      checkMigrations(db),
    );
    if (schema.some(({ state }) => state === 'failed')) return [...reached, ...schema];
    const contents = await Promise.all([
      attempt('write test', 'see what PostgreSQL says; often a full disk or missing rights', async () => {
        await tryWriting(db);
        return ok('write test', 'a row was written and taken back');
      }),
      attempt('keys', 'see what PostgreSQL says', () => checkKeys(db, config)),
      attempt('parked events', 'see what PostgreSQL says', () => checkParked(db)),
    ]);
    return [reached, schema, ...contents].flat();
  } finally {
    await db.end();
  }
};

const checkServer = async (db: Db): Promise<Finding[]> => {
  // The first query also opens the connection; the second tells how long a mere answer takes.
  await describeDatabase(db);
  const asked = Date.now();
  const state = await describeDatabase(db);
  const apart = state.now_ms - (asked + Date.now()) / 2;
  const findings: Finding[] = [];

  const extensions = state.extensions.filter((name) => name !== 'plpgsql').join(', ') || 'none';
  const says = `${state.version_text}, ${size(state.bytes)}, extensions: ${extensions}`;
  if (state.version < oldestPostgres)
    findings.push(failed('postgresql', says, 'upgrade to PostgreSQL 14 or newer'));
  else if (state.encoding !== 'UTF8')
    findings.push(
      failed('postgresql', `its encoding is ${state.encoding}`, 'use a database with encoding UTF8'),
    );
  else if (state.read_only)
    findings.push(failed('postgresql', 'it takes no writes', 'point DATABASE_URL to the primary'));
  else findings.push(ok('postgresql', says));

  const unsafe = (['fsync', 'synchronous_commit', 'full_page_writes'] as const).filter(
    (name) => state[name] === 'off',
  );
  if (unsafe.length > 0)
    findings.push(failed('durability', `${unsafe.join(', ')} off: a crash loses events`, 'set them to on'));

  const used = `${state.connections} of ${state.max_connections} connections in use`;
  if (state.connections > state.max_connections * 0.85)
    findings.push(warning('connections', used, 'raise max_connections, or lower DATABASE_POOL_SIZE'));
  else findings.push(ok('connections', used));

  const clock = `${span(Math.abs(apart))} apart from PostgreSQL's`;
  const sync = 'let NTP set the clocks of both hosts: events from a future of 5 minutes are refused';
  if (Math.abs(apart) > 60_000) findings.push(failed('clock', clock, sync));
  else if (Math.abs(apart) > 2_000) findings.push(warning('clock', clock, sync));
  else findings.push(ok('clock', clock));
  return findings;
};

const checkMigrations = async (db: Db): Promise<Finding> => {
  const pending = await pendingMigrations(db);
  if (pending.length === 0) return ok('migrations', 'all applied');
  return failed(
    'migrations',
    `not applied: ${pending.join(', ')}`,
    'run `node dist/src/migrate-main.js`; `npm start` does so itself',
  );
};

const checkKeys = async (db: Db, config: Config): Promise<Finding> => {
  const keys = await listOpenKeys(db);
  if (keys.length > 0) return ok('keys', `${keys.length} open`);
  if (config.ZYRA_ADMIN_KEY !== undefined)
    return warning(
      'keys',
      'only ZYRA_ADMIN_KEY',
      'give each app its own: `zyra keys create --app NAME --scopes write,read`',
    );
  return failed('keys', 'nobody has one', 'make one: `zyra keys create --app NAME --scopes write,read`');
};

const checkParked = async (db: Db): Promise<Finding> => {
  const counts = Object.fromEntries((await countParked(db)).map(({ state, events }) => [state, events]));
  const says = `${counts.failed ?? 0} failed, ${counts.waiting ?? 0} waiting, ${counts.refused ?? 0} refused`;
  if (!counts.failed) return ok('parked events', says);
  return warning(
    'parked events',
    says,
    'see `zyra failed list`, repair the cause, then `zyra failed replay`',
  );
};

/** Both Redis, and what lies in the queues. */
export const checkRedis = async (config: Config): Promise<Finding[]> => {
  const silent = createLog('doctor', 'silent');
  const queue = connectForRequests(config.REDIS_QUEUE_URL, silent, 3_000);
  const cache = connectForRequests(config.REDIS_CACHE_URL, silent, 3_000);
  try {
    const [ofQueue, ofCache] = await Promise.all([
      attempt('queue redis', 'start it, or correct REDIS_QUEUE_URL', () => checkQueueRedis(queue, config)),
      attempt('cache redis', 'start it, or correct REDIS_CACHE_URL', () =>
        checkServerOf(cache, 'cache redis'),
      ),
    ]);
    if (queue.status !== 'ready') return [...ofQueue, ...ofCache];
    // Only now: BullMQ asks a connection for its version when a queue is made of it, and remembers a failure.
    const producer = createProducer(queue, { prefix: config.REDIS_PREFIX, timeoutMs: 3_000 });
    const queues = await attempt('queues', 'see what Redis says', () => checkQueues(producer, config));
    await producer.close();
    return [...ofQueue, ...ofCache, ...queues];
  } finally {
    queue.disconnect();
    cache.disconnect();
  }
};

type Redis = Producer['redis'];

const infoField = (info: string, name: string): string =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';

const checkServerOf = async (redis: Redis, check: string): Promise<Finding[]> => {
  await ready(redis, 4_000);
  const info = await redis.info();
  const version = infoField(info, 'redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const used = Number(infoField(info, 'used_memory'));
  const limit = Number(infoField(info, 'maxmemory'));
  const says = `${version}, ${size(used)} of ${limit > 0 ? size(limit) : 'unlimited memory'}`;
  if (major < 6 || (major === 6 && minor < 2)) return [failed(check, says, 'upgrade to Redis 6.2 or newer')];
  if (limit === 0) return [warning(check, says, 'set maxmemory, so that it cannot take the whole machine')];
  return [ok(check, says)];
};

const checkQueueRedis = async (redis: Redis, config: Config): Promise<Finding[]> => {
  const findings = await checkServerOf(redis, 'queue redis');
  const problems = await unsafeSettings(redis);
  const todo = 'change redis.conf: accepted events can be lost otherwise';
  if (problems.length === 0) findings.push(ok('queue durability', 'every accepted event is on disk'));
  else if (config.ALLOW_UNSAFE_REDIS) findings.push(warning('queue durability', problems.join('; '), todo));
  else findings.push(failed('queue durability', problems.join('; '), todo));

  const info = await redis.info('memory');
  const share =
    Number(infoField(info, 'used_memory')) / Number(infoField(info, 'maxmemory') || Number.POSITIVE_INFINITY);
  const percent = `${Math.round(share * 100)} % of its memory used; intake closes at ${config.INTAKE_MEMORY_SHARE * 100} %`;
  const relief = 'let the workers catch up (more of them), or raise maxmemory';
  if (share > config.INTAKE_MEMORY_SHARE) findings.push(failed('queue memory', percent, relief));
  else if (share > config.INTAKE_MEMORY_SHARE * 0.75) findings.push(warning('queue memory', percent, relief));
  return findings;
};

const lateMs = 60_000;

const checkQueues = async (producer: Producer, config: Config): Promise<Finding[]> => {
  const [figures, workers] = await Promise.all([
    queueFigures(producer),
    Promise.all(
      [...producer.queues].map(async ([name, queue]) => ({ name, count: await queue.getWorkersCount() })),
    ),
  ]);
  const findings: Finding[] = [];
  const unserved = workers.filter(({ count }) => count === 0).map(({ name }) => name);
  const serving =
    'start worker processes (`npm start`, or dist/src/worker-main.js) whose WORKER_QUEUES name them';
  if (unserved.length === workers.length)
    findings.push(failed('workers', 'no worker process is connected', serving));
  else if (unserved.length > 0)
    findings.push(failed('workers', `nobody serves ${unserved.join(', ')}`, serving));
  else findings.push(ok('workers', 'every queue is served'));

  for (const { name, waiting, active, delayed, failed: given, oldest_age_ms } of figures) {
    const age = oldest_age_ms ?? 0;
    const says = `${waiting} waiting, ${active} active, ${delayed} delayed, ${given} failed, oldest ${span(age)}`;
    const check = `queue ${name}`;
    if (waiting > config.INTAKE_BACKLOG_JOBS)
      findings.push(failed(check, says, 'intake is closed until it is shorter: start more workers'));
    else if (given > 0)
      findings.push(
        warning(check, says, 'see the reasons at /admin/queues, repair the cause, then retry them there'),
      );
    else if (age > lateMs) findings.push(warning(check, says, 'it falls behind: start more workers'));
    else if (waiting + active + delayed > 0) findings.push(ok(check, says));
  }
  if (findings.length === 1) findings.push(ok('queues', 'empty'));
  return findings;
};
