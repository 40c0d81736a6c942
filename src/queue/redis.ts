import { Redis, type RedisOptions } from 'ioredis';
import { ConfigError } from '../config.ts';
import type { Log } from '../log.ts';

const retryStrategy = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000);

const connect = (url: string, log: Log, options: Omit<RedisOptions, 'replyMapping'>): Redis => {
  const redis = new Redis(url, { retryStrategy, connectTimeout: 5_000, ...options });
  let reported = '';
  redis.on('error', (error: Error & { code?: string }) => {
    // One line per outage, not one per reconnection attempt.
    const what = error.code ?? error.message;
    if (what !== reported) log.warn({ code: error.code, msg: `redis: ${error.message}` });
    reported = what;
  });
  redis.on('ready', () => {
    reported = '';
  });
  return redis;
};

/**
 * For requests: a command that cannot be answered now fails now. Nothing is queued while Redis is away, and nothing is
 * sent a second time behind our back (a job would be there twice). A connection on which nothing comes back any more is
 * made anew.
 */
export const connectForRequests = (url: string, log: Log, timeoutMs: number): Redis =>
  connect(url, log, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    socketTimeout: 2 * timeoutMs,
  });

/**
 * For workers: waits for Redis however long it is away, as BullMQ requires of a blocking connection. A connection on
 * which commands wait and nothing comes back is given up and made anew: a cut that sends no FIN would else hold the
 * worker for as long as TCP retries, a quarter of an hour. BullMQ blocks for 10 s at most.
 */
export const connectForWork = (url: string, log: Log): Redis =>
  connect(url, log, { maxRetriesPerRequest: null, socketTimeout: 15_000 });

/** Resolves when the connection is usable, rejects after `timeoutMs`. */
export const ready = (redis: Redis, timeoutMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    if (redis.status === 'ready') return resolve();
    const onReady = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      redis.off('ready', onReady);
      reject(new Error(`Redis was not ready within ${timeoutMs} ms`));
    }, timeoutMs);
    redis.once('ready', onReady);
  });

const demanded = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
};

/**
 * Compare the queue's Redis with what the promise "never lost after a 202" rests on.
 * @returns one line per setting that differs; a server that does not let CONFIG be read counts as differing.
 */
export const unsafeSettings = async (redis: Redis): Promise<string[]> => {
  const found = new Map<string, string>();
  for (const name of Object.keys(demanded)) {
    const [, value] = (await redis.config('GET', name).catch(() => [])) as string[];
    found.set(name, value ?? 'unreadable');
  }
  return Object.entries(demanded)
    .filter(([name, value]) => found.get(name) !== value)
    .map(([name, value]) => `${name} is "${found.get(name)}" and must be "${value}"`);
};

/**
 * Check the queue's Redis at start.
 * @throws ConfigError in production when acknowledged events could be lost; elsewhere it is a warning.
 */
export const assertDurable = async (
  redis: Redis,
  log: Log,
  { enforce }: { enforce: boolean },
): Promise<void> => {
  const problems = await unsafeSettings(redis);
  if (problems.length === 0) return;
  if (enforce) throw new ConfigError(`The queue Redis may lose accepted events: ${problems.join('; ')}`);
  log.warn({ problems, msg: 'the queue Redis may lose accepted events' });
};
