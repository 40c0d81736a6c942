import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Redis } from 'ioredis';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { Env, loadConfig, projectRoot } from '../src/config.ts';
import { findFreePort } from '../src/embedded/endpoint.ts';
import { queueNames } from '../src/queue/queues.ts';
import { unsafeSettings } from '../src/queue/redis.ts';
import { eventually } from './support/eventually.ts';

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');

interface Service {
  image: string;
  user?: string;
  command?: string[];
  environment?: Record<string, string | number | null>;
  ports?: string[];
  networks?: string[];
  healthcheck?: unknown;
  stop_grace_period?: string;
  restart: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
}

const text = read('docker-compose.yml');
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);
const service = (name: string): Service => {
  const found = compose.services[name];
  if (!found) throw new Error(`no service ${name}`);
  return found;
};
const ours = services.filter(([, { image }]) => image === 'zyra');
const servers = services.filter(([, { image }]) => image !== 'zyra');

test('docker-compose.yml is a valid Compose file', () => {
  const ajv = new Ajv2020({ allErrors: true, strict: false, formats: { duration: true } });
  const validate = ajv.compile(JSON.parse(read('test/compose-spec.schema.json')));
  validate(parse(text, { merge: true }));
  expect(validate.errors ?? []).toEqual([]);
  validate({ ...compose, services: { ...compose.services, api: { ...service('api'), portz: [] } } });
  expect(validate.errors).not.toBeNull();
});

describe('secrets', () => {
  test('must all be given: none has a default', () => {
    const used = [...text.matchAll(/\$\{([A-Z_]+)(:?[-?+]?)/g)].map(([, name, how]) => `${name}${how}`);
    const secret = [...new Set(used)].filter((use) => /PASSWORD|KEY|SECRET|TOKEN/.test(use));
    expect(secret.sort()).toEqual([
      'POSTGRES_PASSWORD:?',
      'REDIS_CACHE_PASSWORD:?',
      'REDIS_QUEUE_PASSWORD:?',
      'ZYRA_ADMIN_KEY:?',
      'ZYRA_SECRET:?',
    ]);
  });

  test('stand nowhere in the file', () => {
    const values = services.flatMap(([, { environment = {} }]) =>
      Object.entries(environment).filter(([name]) => /PASSWORD|KEY|_URL$/.test(name)),
    );
    expect(values.length).toBeGreaterThan(20);
    for (const [name, value] of values) expect(value, name).toMatch(/\$\{[A-Z_]+:\?/);
  });
});

describe('from outside', () => {
  test('only the API can be reached, and by default from this machine alone', () => {
    const published = services.filter(([, { ports }]) => ports !== undefined);
    expect(published.map(([name, { ports }]) => [name, ports])).toEqual([
      ['api', [`\${ZYRA_BIND:-127.0.0.1}:\${ZYRA_PORT:-3000}:3000`]],
    ]);
  });

  test('the servers are on a network without a way out', () => {
    for (const [name, { networks }] of servers) expect(networks, name).toEqual(['servers']);
    expect(compose.networks.servers?.internal).toBe(true);
  });
});

describe('each container', () => {
  test('has as few rights as it can', () => {
    for (const [name, { read_only, cap_drop, security_opt, user, image }] of services) {
      expect.soft({ read_only, cap_drop, security_opt }, name).toEqual({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      // Our own image has an ordinary user of its own.
      if (image !== 'zyra') expect.soft(user, name).toMatch(/^(postgres|redis)$/);
    }
  });

  test('is watched and started again, but for the one that ends', () => {
    for (const [name, { healthcheck, restart }] of services) {
      if (name === 'migrate') expect(restart).toBe('no');
      else
        expect({ checked: healthcheck !== undefined, restart }, name).toEqual({
          checked: true,
          restart: 'unless-stopped',
        });
    }
  });

  test('of ours gets longer to stop than it needs', () => {
    const example = loadConfig({
      DATABASE_URL: 'postgres://host/zyra',
      REDIS_QUEUE_URL: 'redis://host',
      REDIS_CACHE_URL: 'redis://host',
    });
    // src/process.ts gives up 2 s after the deadline.
    const seconds = (example.SHUTDOWN_TIMEOUT_MS + 2_000) / 1_000;
    for (const [name, { stop_grace_period }] of ours) {
      expect(Number(/^(\d+)s$/.exec(stop_grace_period ?? '')?.[1]), name).toBeGreaterThan(seconds);
    }
  });

  test('of ours is given settings that exist, and in production', () => {
    for (const [name, { environment = {} }] of ours) {
      expect(
        Object.keys(environment).filter((setting) => !(setting in Env.shape)),
        name,
      ).toEqual([]);
      expect(environment.NODE_ENV).toBe('production');
    }
  });

  test('of ours runs a program that exists', () => {
    const dockerfile = read('Dockerfile');
    const commands = ours.map(([, { command }]) => (command ?? []).join(' '));
    const programs = [dockerfile, ...commands, text].join('\n').matchAll(/dist\/(src\/[a-z-]+)\.js/g);
    const sources = [...new Set([...programs].map(([, path]) => `${path}.ts`))];
    expect(sources.sort()).toEqual([
      'src/alive-main.ts',
      'src/api-main.ts',
      'src/migrate-main.ts',
      'src/scheduler-main.ts',
      'src/worker-main.ts',
    ]);
    for (const source of sources) expect(existsSync(join(projectRoot, source)), source).toBe(true);
  });
});

test('the workers serve every queue in one group', () => {
  const served = ours.flatMap(([, { environment = {} }]) =>
    String(environment.WORKER_QUEUES ?? '').split(','),
  );
  expect(served.filter(Boolean).sort()).toEqual([...queueNames].sort());
});

/** A Redis started by the very command of the Compose file, with the Redis that is set up here. */
const startAsComposed = async (name: string) => {
  const record = JSON.parse(await readFile(join(projectRoot, '.zyra/native/redis.json'), 'utf8')) as {
    server: string;
    libraryPath?: string;
  };
  const dir = await mkdtemp(join(tmpdir(), 'zyra-compose-'));
  const port = await findFreePort();
  const [shell, ...args] = (service(name).command ?? []).map((part) =>
    part.replace(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1').replaceAll('$$', '$'),
  );
  const child = spawn(
    shell as string,
    [...args, '--port', String(port), '--bind', '127.0.0.1', '--dir', dir],
    {
      env: {
        PATH: `${dirname(record.server)}:/usr/bin:/bin`,
        LD_LIBRARY_PATH: record.libraryPath ?? '',
        REDIS_PASSWORD: 'of-the-test',
      },
      stdio: 'ignore',
    },
  );
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(dir, { recursive: true });
  });
  const connect = (password: string) => {
    const redis = new Redis(port, '127.0.0.1', { password, lazyConnect: true, retryStrategy: null });
    redis.on('error', () => {});
    return redis;
  };
  const redis = await eventually(async () => {
    const attempt = connect('of-the-test');
    await attempt.connect();
    return attempt;
  });
  onTestFinished(() => redis.disconnect());
  return { redis, connect };
};

const settingsOf = async (redis: Redis) => {
  const names = [
    'appendonly',
    'appendfsync',
    'no-appendfsync-on-rewrite',
    'auto-aof-rewrite-min-size',
    'rdbcompression',
    'maxmemory',
    'maxmemory-policy',
    'save',
  ];
  const values = await Promise.all(names.map((name) => redis.config('GET', name)));
  return Object.fromEntries(values as [string, string][]);
};

describe.each([
  ['redis-queue', 'redisQueueUrl'],
  ['redis-cache', 'redisCacheUrl'],
] as const)('%s', (name, embedded) => {
  test('runs with the settings of the embedded one, behind its password', async () => {
    const { redis, connect } = await startAsComposed(name);
    const reference = new Redis(inject(embedded));
    onTestFinished(() => reference.disconnect());
    expect(await settingsOf(redis)).toEqual(await settingsOf(reference));
    if (name === 'redis-queue') expect(await unsafeSettings(redis)).toEqual([]);

    await expect(connect('wrong').connect()).rejects.toThrow();
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');

  test('copies what exists and is not kept out of the build', () => {
    const ignored = read('.dockerignore').split('\n');
    const copies = lines.filter((line) => /^COPY (?!--from)/.test(line));
    const sources = copies.flatMap((line) => line.split(' ').slice(1, -1));
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(join(projectRoot, source)), source).toBe(true);
      expect(ignored, source).toContain(`!${source}`);
    }
  });

  test('ends as an ordinary user', () => {
    const last = lines.findLastIndex((line) => line.startsWith('FROM '));
    expect(lines.slice(last).filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
  });
});

describe('OPERATIONS.md', () => {
  const page = read('OPERATIONS.md');

  test('names figures and alarms that exist', () => {
    const sources = ['src/metrics.ts', 'src/api/system-metrics.ts'].map(read).join('\n');
    const figures = [...page.matchAll(/\bzyra_[a-z_]+[a-z]/g)].map(([name]) => name.replace(/_count$/, ''));
    const alarms = [...page.matchAll(/\bZyra[A-Z][A-Za-z]+/g)].map(([name]) => name);
    expect(figures.length + alarms.length).toBeGreaterThan(15);
    expect(figures.filter((name) => !sources.includes(`'${name}'`))).toEqual([]);
    const rules = read('examples/prometheus/alerts.yml');
    expect(alarms.filter((name) => !rules.includes(`alert: ${name}\n`))).toEqual([]);
  });

  test('names settings that exist', () => {
    const settings = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[a-z0-9]+)?`/g)].map(
      ([, name]) => name as string,
    );
    expect(settings.length).toBeGreaterThan(10);
    expect(settings.filter((name) => !(name in Env.shape))).toEqual([]);
  });
});
