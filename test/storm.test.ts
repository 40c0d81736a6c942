import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { refreshUsers } from '../jobs/refresh-users.ts';
import { loadConfig } from '../src/config.ts';
import { createRandom } from '../src/demo/random.ts';
import { createLog } from '../src/log.ts';
import { connectParts } from '../src/parts.ts';
import { createListMaker } from '../src/serving/list-maker.ts';
import { decodeList, type UserList, userListKey } from '../src/serving/user-list.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { startSystem } from './support/system.ts';

const userCount = 300;
const eventCount = Number(process.env.STORM_EVENTS ?? 1_500);
/** Events of one request, and requests under way at once. */
const [perRequest, senders] = [20, 6];
const kinds = ['red wool scarf', 'steel kitchen knife', 'usb charging cable', 'rubber garden hose'];
/** So few that a list holds all it may; and a quarter that nobody does anything with, so that ten are always left. */
const [productCount, touchedCount] = [80, 60];
const deeds = ['view', 'view', 'view', 'click', 'add_to_cart', 'wishlist', 'purchase'] as const;

/** What is on a list, but for the last digit of scores, which depends on who else was in the batch. */
const contents = ({ known, signals, entries }: UserList) => ({
  known,
  signals,
  entries: entries
    .filter((entry) => !entry.known && entry.content > 0.001)
    .map(({ number }) => number)
    .sort((a, b) => a - b),
});

test('a storm on one user, two schedulers, four workers: no list is lost, none is stale', {
  timeout: 180_000,
}, async () => {
  const secret = 'secret-of-the-storm-and-of-nothing-else';
  const system = await startSystem({ ZYRA_SECRET: secret });
  const { db, servers, url, keys, startProcess } = system;
  const [, ...more] = await Promise.all([
    startProcess('scheduler'),
    ...[2, 3, 4].map(() => startProcess('worker')),
  ]);
  const workers = [system.processes.worker, ...more];
  const config = loadConfig({
    ...{ NODE_ENV: 'test', LOG_LEVEL: 'silent', ZYRA_SECRET: secret, EMBEDDER: 'fallback' },
    // What the test asks for itself may take its time.
    ENQUEUE_TIMEOUT_MS: '30000',
    DATABASE_URL: servers.postgres.url,
    REDIS_QUEUE_URL: servers.queue.url,
    REDIS_CACHE_URL: servers.cache.url,
    ARTIFACTS_DIR: `${system.dir}/artifacts`,
  });
  const parts = await connectParts(config, createLog('test', 'silent'), 'test');
  onTestFinished(() => parts.close());
  const client = createClient(url, keys.admin);
  const random = createRandom(11, 'storm');

  // Nobody trains: all lists are made with the same index and without a model.
  await db`update model_training set claimed_by = 'the test', claimed_until = 'infinity'`;
  const products = Array.from({ length: productCount }, (_, nth) => ({
    ...{ type: 'product', product_id: uuidv7(), price: '9.90' },
    name: `${kinds[nth % kinds.length]} ${nth}`,
  }));
  expect((await client.ndjson(products)).json).toMatchObject({ rejected: 0 });
  const users = Array.from({ length: userCount }, () => randomUUID());
  const [hot = ''] = users;
  await eventually(async () => {
    expect((await client.get('/v1/admin/status')).json.index?.products).toBe(productCount);
  }, 60_000);

  const { cache, producer } = parts;
  const list = async (user: string, prefix = config.REDIS_PREFIX) =>
    decodeList(await cache.getBuffer(userListKey(prefix, user)));
  let [storming, watching] = [true, true];
  const watched = [hot, ...users.slice(1, 6)];
  /** Of the watched users' lists, every version in the order it was seen. */
  const seen = watched.map(() => [0]);
  const watch = async () => {
    while (watching)
      for (const [at, user] of watched.entries()) seen[at]?.push((await list(user))?.version ?? 0);
  };
  const ask = async () => {
    while (storming) {
      const { status, json } = await client.get(`/v1/users/${random.pick(watched)}/recommendations?k=10`);
      expect({ status, items: json.items?.length }).toEqual({ status: 200, items: 10 });
    }
  };
  /** One worker after the other is held up, most of them between reading what a user did and writing the list. */
  const holdUp = async () => {
    for (let at = 0; storming; at += 1) {
      const worker = workers[at % workers.length];
      worker?.kill('SIGSTOP');
      await delay(100);
      worker?.kill('SIGCONT');
    }
  };
  const touched = products.slice(0, touchedCount).map(({ product_id }) => product_id);
  const event = (nth: number) => ({
    event_id: uuidv7(),
    // Half of all on one user; of the others, everyone has some.
    user_id: nth % 2 ? hot : users[(nth / 2) % userCount],
    product_id: random.pick(touched),
    event_type: random.pick(deeds),
  });
  let sent = 0;
  const send = async () => {
    while (sent < eventCount) {
      const from = sent;
      sent += perRequest;
      const events = Array.from({ length: perRequest }, (_, at) => event(from + at));
      expect((await client.post('/v1/interactions', events)).status).toBe(202);
      // So that several workers make lists at once, some of the same user.
      await producer.enqueue(refreshUsers, {});
    }
  };
  const meanwhile = Promise.all([ask(), holdUp()]);
  const versionsSeen = watch();
  const rebuilding = client.post('/v1/admin/rebuild', { targets: ['recommendations'] });
  await Promise.all(Array.from({ length: senders }, send));
  storming = false;
  await meanwhile;
  expect((await rebuilding).status).toBe(202);
  await drain({ ...parts, parts });
  watching = false;
  await versionsSeen;

  for (const versions of seen) expect(versions).toEqual([...versions].sort((a, b) => a - b));
  expect(seen[0]?.at(-1)).toBeGreaterThan(0);
  const stored = await Promise.all(users.map((user) => list(user)));
  // Made anew from PostgreSQL, beside the lists that are served.
  const maker = createListMaker({ ...parts, config: { ...config, REDIS_PREFIX: 'anew' } });
  onTestFinished(() => maker.close());
  await maker.refresh(users.map((id) => ({ id })));
  for (const [at, user] of users.entries()) {
    const made = await list(user, 'anew');
    if (!made) throw new Error(`nothing is known of ${user}`);
    const served = stored[at];
    expect(served && contents(served)).toEqual(contents(made));
  }
  const [{ count } = { count: 0 }] = await db<{ count: number }>`
    select count(*)::integer from interactions`;
  expect(count).toBe(eventCount);
});
