import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { projectRoot } from '../src/config.ts';
import { createDatabase as connect } from '../src/db/database.ts';
import { findFreePort } from '../src/embedded/endpoint.ts';
import { queueNames } from '../src/queue/queues.ts';
import { createDatabase } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { removeKeys } from './support/remove-keys.ts';
import { insertProducts } from './support/shop.ts';

const ecosystem = join(projectRoot, 'ecosystem.config.cjs');

interface App {
  name: string;
  pid: number;
  pm2_env: { status: string; restart_time: number; unstable_restarts: number };
}

/** The whole system under a PM2 of the test's own, with a database and a queue prefix of its own. */
const startUnderPm2 = async () => {
  const database = await createDatabase({ template: 'migrated' });
  const home = await mkdtemp(join(tmpdir(), 'zyra-pm2-'));
  const port = await findFreePort();
  const prefix = `t-${randomBytes(5).toString('hex')}`;
  const key = randomBytes(24).toString('hex');
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    PM2_HOME: home,
    DATABASE_URL: database.url,
    DATABASE_POOL_SIZE: '4',
    REDIS_QUEUE_URL: inject('redisQueueUrl'),
    REDIS_CACHE_URL: inject('redisCacheUrl'),
    REDIS_PREFIX: prefix,
    PORT: String(port),
    ZYRA_ADMIN_KEY: key,
    ZYRA_SECRET: randomBytes(32).toString('hex'),
    ZYRA_API_INSTANCES: '2',
    // Eight processes end and eight start beside other tests: on two slow cores that takes longer than anywhere in earnest.
    SHUTDOWN_TIMEOUT_MS: '25000',
  };
  const program = join(projectRoot, 'node_modules/pm2/bin/pm2');
  const pm2 = async (...args: string[]) => {
    const options = { env, cwd: projectRoot, maxBuffer: 64 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], options);
    return stdout;
  };
  onTestFinished(async () => {
    await pm2('kill');
    await removeKeys(env.REDIS_QUEUE_URL, prefix);
    await database.drop();
    await rm(home, { recursive: true, force: true });
  }, 60_000);
  await pm2('start', ecosystem);
  return {
    url: `http://127.0.0.1:${port}`,
    key,
    database: database.url,
    reload: () => pm2('reload', ecosystem),
    apps: async (): Promise<App[]> => JSON.parse(await pm2('jlist')),
    log: () => readFile(join(home, 'pm2.log'), 'utf8'),
  };
};

/** Post over one connection that is kept open for as long as the server wishes. */
const createCaller = (url: string, key: string) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const post = (body: unknown) =>
    new Promise<number>((resolve, reject) => {
      const call = request(`${url}/v1/interactions`, { method: 'POST', agent, headers }, (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode as number));
        answer.once('error', reject);
      });
      call.once('error', reject);
      call.end(JSON.stringify(body));
    });
  return { post, close: () => agent.destroy() };
};

describe('ecosystem.config.cjs', () => {
  const { apps } = createRequire(import.meta.url)(ecosystem) as {
    apps: { script: string; env: Record<string, string>; kill_timeout: number }[];
  };

  test('serves every queue in one group', () => {
    const served = apps.flatMap(({ env }) => env.WORKER_QUEUES?.split(',') ?? []);
    expect(served.sort()).toEqual([...queueNames].sort());
  });
});

test('reloading all processes under load fails no request and loses and doubles no event', async () => {
  const system = await startUnderPm2();
  const db = connect(system.database, { poolSize: 2, queryTimeoutMs: 10_000 });
  onTestFinished(() => db.end());
  const before = await system.apps();
  expect(before.map(({ name }) => name).sort()).toEqual([
    'zyra-api',
    'zyra-api',
    'zyra-scheduler',
    'zyra-worker-aggregates',
    'zyra-worker-intake',
    'zyra-worker-recommendations',
    'zyra-worker-training',
    'zyra-worker-vectors',
  ]);
  expect((await fetch(`${system.url}/readyz`)).status).toBe(200);

  const [product_id] = await insertProducts(db, 1);
  let sent = 0;
  const failures: string[] = [];
  let enough = false;
  const postOnAndOn = async () => {
    const caller = createCaller(system.url, system.key);
    while (!enough) {
      sent += 1;
      const event = { user_id: uuidv7(), product_id, event_type: 'view', event_value: sent };
      const outcome = await caller.post(event).catch((error: NodeJS.ErrnoException) => error.code);
      if (outcome !== 202) failures.push(`${outcome} at event ${event.event_value}`);
      // A connection on which nothing is under way at times, and at others something is.
      await delay(Math.random() * 40);
    }
    caller.close();
  };
  const callers = Array.from({ length: 6 }, postOnAndOn);
  await eventually(() => expect(sent).toBeGreaterThan(200));
  const sentBefore = sent;
  await system.reload();
  const sentDuring = sent - sentBefore;
  await eventually(() => expect(sent).toBeGreaterThan(sentBefore + sentDuring + 200));
  enough = true;
  await Promise.all(callers);

  expect(failures).toEqual([]);
  expect(sentDuring).toBeGreaterThan(500);
  // Each process ended by itself and in order: none was killed, none gave up at its deadline.
  const ends = [...(await system.log()).matchAll(/exited with code \[(\d+)\]|sending SIGKILL/g)];
  expect(ends.map(([what]) => what)).toEqual(before.map(() => 'exited with code [0]'));

  const after = await system.apps();
  expect(after.map(({ name }) => name).sort()).toEqual(before.map(({ name }) => name).sort());
  for (const { name, pid, pm2_env } of after) {
    expect.soft(pm2_env.status, name).toBe('online');
    expect.soft(pm2_env.restart_time, name).toBe(1);
    expect.soft(before.map((app) => app.pid)).not.toContain(pid);
  }

  await eventually(async () => {
    const [applied] = await db<{ rows: number; distinct: number }>`
      select count(*)::integer as rows, count(distinct event_value)::integer as distinct from interactions`;
    expect(applied).toEqual({ rows: sent, distinct: sent });
  }, 30_000);
}, 180_000);
