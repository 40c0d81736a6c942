import { execFileSync } from 'node:child_process';
import { chown, copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../src/db/database.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { userListKey } from '../../src/serving/user-list.ts';
import { createClient } from '../support/client.ts';
import { type DeployedSystem, deploySystem } from '../support/deploy.ts';
import { eventually } from '../support/eventually.ts';
import { insertProducts, interaction } from '../support/shop.ts';

/** A certificate for `localhost` that only those trust who are given it. */
const makeCertificate = (dir: string) => {
  const [key, certificate] = [join(dir, 'server.key'), join(dir, 'server.crt')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
    ],
    { stdio: 'pipe' },
  );
  return { key, certificate };
};

type Certificate = ReturnType<typeof makeCertificate>;

/** PostgreSQL looks for it in its own folder, under names of its own, and there it must be its own. */
const encryptPostgres = async ({ dir, db }: DeployedSystem, files: Certificate) => {
  const cluster = join(dir, 'postgres/cluster');
  const { uid, gid } = await stat(cluster);
  for (const file of Object.values(files)) {
    const own = join(cluster, file === files.key ? 'server.key' : 'server.crt');
    await copyFile(file, own);
    await chown(own, uid, gid);
  }
  await db`alter system set ssl = on`;
  await db`select pg_reload_conf()`;
};

/** What SECURITY.md gives the user of our processes. */
const rights = ['~*zyra*', '&*', '+@all', '-@admin', '-@dangerous', '+info', '+config|get', '+client|list'];

const encryptRedis = async (url: string, { key, certificate }: Certificate) => {
  const port = await findFreePort();
  const redis = new Redis(url);
  const settings = { 'tls-cert-file': certificate, 'tls-key-file': key, 'tls-auth-clients': 'no' };
  await redis.call('CONFIG', 'SET', ...Object.entries(settings).flat(), 'tls-port', String(port));
  await redis.call('ACL', 'SETUSER', 'shop', 'on', '>behind-tls', ...rights);
  onTestFinished(() => redis.disconnect());
  return { redis, port, url: `rediss://shop:behind-tls@localhost:${port}` };
};

test('every connection is encrypted where the addresses say so, by a Redis user without rights over the server', async () => {
  const system = await deploySystem();
  onTestFinished(() => system.stop(), 60_000);
  const files = makeCertificate(system.dir);
  await encryptPostgres(system, files);
  const queue = await encryptRedis(system.servers.queue.url, files);
  const cache = await encryptRedis(system.servers.cache.url, files);
  const DATABASE_URL = `${system.servers.postgres.url.replace('127.0.0.1', 'localhost')}?sslmode=verify-full`;

  // Whoever does not know the certificate says no word of the password.
  const stranger = new Redis(queue.url, { lazyConnect: true, retryStrategy: null });
  stranger.on('error', () => {});
  await expect(stranger.connect()).rejects.toThrow();
  const db = createDatabase(DATABASE_URL, { poolSize: 1, queryTimeoutMs: 5_000 });
  await expect(db`select 1`).rejects.toThrow();
  await db.end();

  const PORT = String(await findFreePort());
  const env = {
    ...{ PORT, DATABASE_URL, REDIS_QUEUE_URL: queue.url, REDIS_CACHE_URL: cache.url },
    NODE_EXTRA_CA_CERTS: files.certificate,
  };
  await Promise.all((['api', 'worker', 'scheduler'] as const).map((name) => system.startProcess(name, env)));
  const call = createClient(`http://127.0.0.1:${PORT}`, system.keys.admin);
  const [product_id = ''] = await insertProducts(system.db, 2);
  const { event_id, user_id, event_type } = interaction();
  const seen = { event_id, user_id, event_type, product_id };
  expect((await call.post('/v1/interactions', seen)).status).toBe(202);
  await eventually(async () => expect(await system.db`select from interactions`).toHaveLength(1), 30_000);
  await eventually(
    async () => expect(await cache.redis.exists(userListKey('zyra', user_id as string))).toBe(1),
    30_000,
  );
  expect((await call.get('/readyz')).status).toBe(200);
  expect((await call.get('/admin/queues/api/queues')).status).toBe(200);

  const inClear = await system.db`
    select from pg_stat_ssl join pg_stat_activity using (pid)
    where application_name like 'zyra-%' and not ssl`;
  expect(inClear).toEqual([]);
  for (const { redis, port } of [queue, cache]) {
    const others = ((await redis.client('LIST')) as string)
      .split('\n')
      .filter((line) => /user=/.test(line) && !/cmd=client/.test(line));
    expect(others.length).toBeGreaterThan(0);
    for (const line of others) expect(line).toMatch(new RegExp(`laddr=\\S+:${port} .*user=shop`));
  }
}, 120_000);
