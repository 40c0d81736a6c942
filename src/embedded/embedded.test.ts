import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keepRunning } from './keep-running.ts';
import { startPostgres } from './postgres.ts';
import { commandOf } from './processes.ts';
import { type Server, startRedis } from './redis.ts';
import { startServers } from './servers.ts';

let dir: string;
let running: { stop(): Promise<void> }[];

const keep = <T extends { stop(): Promise<void> }>(server: T): T => {
  running.push(server);
  return server;
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'zyra-embedded-'));
  await chmod(dir, 0o711);
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  await rm(dir, { recursive: true });
});

const withPostgres = async <T>(url: string, use: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
};

const withRedis = async <T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
};

const occupyPort = async () => {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  return { port, stop: async () => void listener.close() };
};

describe('PostgreSQL', () => {
  const start = (options: Partial<Parameters<typeof startPostgres>[0]> = {}) =>
    startPostgres({ dir: join(dir, 'postgres'), tune: { shared_buffers: '16MB' }, ...options }).then(keep);

  test('is durable, sorts by code point, and lets nobody in without the password', async () => {
    const server = await start();
    const settings = await withPostgres(server.url, async (sql) => {
      const names = ['fsync', 'synchronous_commit', 'data_checksums', 'listen_addresses', 'server_encoding'];
      const rows = await sql`select name, setting from pg_settings where name = any(${names})`;
      const sorted = await sql`select x from unnest(array['a', 'é', 'B', 'Z', 'z']) as x order by x`;
      const [preloaded] = await sql`show shared_preload_libraries`;
      return {
        ...Object.fromEntries(rows.map(({ name, setting }) => [name, setting])),
        order: sorted.map(({ x }) => x).join(''),
        preloaded: preloaded?.shared_preload_libraries,
      };
    });
    expect(settings).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      data_checksums: 'on',
      listen_addresses: '127.0.0.1',
      server_encoding: 'UTF8',
      order: 'BZazé',
      preloaded: 'pg_stat_statements',
    });
    const stranger = server.url.replace(/:[0-9a-f]{48}@/, ':guess@');
    expect(stranger).not.toBe(server.url);
    await expect(withPostgres(stranger, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(dir, 'postgres/endpoint.json'))).mode & 0o777).toBe(0o600);
  });

  test('comes back on the same port with what was committed after kill -9', async () => {
    const first = await start();
    await withPostgres(first.url, (sql) => sql`create table kept as select 42 as answer`);
    const sleeper = withPostgres(first.url, (sql) => sql`select pg_sleep(60)`);
    sleeper.catch(() => {});
    first.kill('SIGKILL');
    expect(await first.exited).toBe('was ended by SIGKILL');
    await expect(sleeper).rejects.toThrow();

    const second = await start({ port: first.port, exactPort: true });
    expect(second.url).toBe(first.url);
    expect(await withPostgres(second.url, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
  });

  test('takes another port when the one asked for is busy, or fails when told to', async () => {
    const busy = keep(await occupyPort());
    const server = await start({ port: busy.port, tune: { fsync: 'off' } });
    expect(server.port).not.toBe(busy.port);
    await server.stop();
    await expect(start({ port: busy.port, exactPort: true })).rejects.toThrow(`port ${busy.port} is taken`);
  });

  test('says why it does not come up', async () => {
    await expect(start({ tune: { fsync: 'off', shared_buffers: 'plenty' } })).rejects.toThrow(
      /shared_buffers/,
    );
  });

  test('ends the server left running on its data first, in order, even a stopped one', async () => {
    const orphan = await start();
    orphan.kill('SIGSTOP');
    const server = await start();
    expect(await orphan.exited).toBe('ended with exit code 0');
    expect(server.port).toBe(orphan.port);
    const log = await readFile(join(dir, 'postgres/postgres.log'), 'utf8');
    expect(log).toContain('received fast shutdown request');
    expect(log).not.toContain('was not properly shut down');
  });

  test("does not touch another program that has an old server's process id by now", async () => {
    const first = await start({ tune: { fsync: 'off' } });
    first.kill('SIGKILL');
    await first.exited;
    const pidFile = join(dir, 'postgres/cluster/postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(pidFile, [process.pid, ...lines.slice(1)].join('\n'));
    const second = await start({ tune: { fsync: 'off' } });
    expect(second.port).toBe(first.port);
  });
});

describe('Redis', () => {
  const start = (options: Partial<Parameters<typeof startRedis>[0]> = {}) =>
    startRedis({ dir: join(dir, 'redis'), role: 'queue', ...options }).then(keep);

  const settingsOf = (server: Server, names: string[]) =>
    withRedis(server.url, async (redis) => {
      const values = await Promise.all(names.map((name) => redis.config('GET', name)));
      return Object.fromEntries(values as [string, string][]);
    });

  test('keeps what it accepts as a queue, and forgets within its memory as a cache', async () => {
    const shared = { bind: '127.0.0.1', 'protected-mode': 'yes', save: '' };
    const queue = {
      ...shared,
      ...{ appendonly: 'yes', appendfsync: 'always', 'no-appendfsync-on-rewrite': 'no' },
      ...{ 'maxmemory-policy': 'noeviction', maxmemory: String(1024 ** 3) },
    };
    const cache = {
      ...shared,
      ...{ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru', maxmemory: String(256 * 1024 ** 2) },
    };
    expect(await settingsOf(await start(), Object.keys(queue))).toEqual(queue);
    const second = await start({ dir: join(dir, 'cache'), role: 'cache' });
    expect(await settingsOf(second, Object.keys(cache))).toEqual(cache);

    const stranger = new Redis(second.port, { lazyConnect: true, retryStrategy: null });
    stranger.on('error', () => {});
    await stranger.connect().catch(() => {});
    await expect(stranger.get('anything')).rejects.toThrow(/NOAUTH|closed/);
    stranger.disconnect();
  });

  test('comes back on the same port with what it accepted after kill -9', async () => {
    const first = await start();
    await withRedis(first.url, (redis) => redis.set('kept', '42'));
    first.kill('SIGKILL');
    await first.exited;
    const second = await start({ port: first.port, exactPort: true });
    expect(await withRedis(second.url, (redis) => redis.get('kept'))).toBe('42');
  });

  test('ends the server left running on its data first, in order', async () => {
    const orphan = await start();
    const server = await start();
    expect(await orphan.exited).toBe('ended with exit code 0');
    expect(server.port).toBe(orphan.port);
    expect(await readFile(join(dir, 'redis/redis.log'), 'utf8')).toContain('User requested shutdown');
  });

  test('takes another port when the one asked for is busy', async () => {
    const busy = keep(await occupyPort());
    expect((await start({ port: busy.port })).port).not.toBe(busy.port);
  });

  test('says why it does not come up', async () => {
    await expect(start({ tune: { maxmemory: 'plenty' } })).rejects.toThrow(/maxmemory/);
  });

  test('is started again at its address when it dies by itself', async () => {
    let restarted = () => {};
    const secondStart = new Promise<void>((resolve) => {
      restarted = resolve;
    });
    const lines: string[] = [];
    const kept = await keepRunning<Server>({
      name: 'Redis',
      start: async (before) => {
        const server = await startRedis({
          dir: join(dir, 'redis'),
          role: 'queue',
          ...(before && { port: before.port, exactPort: true }),
        });
        if (before) restarted();
        return server;
      },
      log: (line) => void lines.push(line),
    });
    keep(kept);
    const { url, pid } = kept.current();
    kept.current().kill('SIGKILL');
    await secondStart;
    expect(await withRedis(url, (redis) => redis.ping())).toBe('PONG');
    expect(lines).toEqual(['Redis was ended by SIGKILL; starting it again in 1 s']);
    await kept.stop();
    expect(kept.current().pid).not.toBe(pid);
    expect(await commandOf(kept.current().pid)).toBeUndefined();
  });
});

describe('all servers', () => {
  test('come up together, without those that are given, and go together', async () => {
    const given = 'redis://:secret@example.invalid:6379';
    const servers = await startServers({
      dir: join(dir, 'data'),
      logDir: join(dir, 'logs'),
      redisCacheUrl: given,
      tunePostgres: { fsync: 'off' },
      log: (line) => expect.unreachable(line),
    });
    keep(servers);
    expect(servers.redisCacheUrl).toBe(given);
    expect([...servers.started.keys()].sort()).toEqual(['PostgreSQL', 'Redis (queue)']);
    expect(await withRedis(servers.redisQueueUrl, (redis) => redis.ping())).toBe('PONG');
    expect(await withPostgres(servers.databaseUrl, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
    await servers.stop();
    for (const server of servers.started.values()) {
      expect(await commandOf(server.current().pid)).toBeUndefined();
    }
  });

  test('leave nothing running when one of them does not come up', async () => {
    const failing = startServers({
      dir: join(dir, 'data'),
      logDir: join(dir, 'logs'),
      tunePostgres: { fsync: 'off', shared_buffers: 'plenty' },
      log: (line) => expect.unreachable(line),
    });
    await expect(failing).rejects.toThrow(/shared_buffers/);
    const pid = Number(await readFile(join(dir, 'data/redis-queue/redis.pid'), 'utf8').catch(() => '0'));
    expect(pid > 0 && (await commandOf(pid))).toBeFalsy();
  });
});
