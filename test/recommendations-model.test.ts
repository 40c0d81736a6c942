import { chmod, readFile, writeFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { refreshAll } from '../jobs/refresh-all.ts';
import { trainModel } from '../jobs/train-model.ts';
import { findServingModel } from '../src/db/models.ts';
import { defaultParameters } from '../src/recommend/parameters.ts';
import { decodeList, userListKey } from '../src/serving/user-list.ts';
import { handleRefreshAll } from '../workers/refresh-all.ts';
import { handleTrainModel } from '../workers/train-model.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { performJob } from './support/perform-job.ts';
import { seeded } from './support/random-shop.ts';
import { setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';

const tastes = 10;
const perTaste = 30;
const users = 600;

/** A shop whose users each buy within one of ten tastes, now and then something else. */
const openShop = async () => {
  const system = await setup({ TRAINING_BUDGET_SECONDS: '10' });
  const { db } = system;
  const random = seeded(5);
  const products = await insertProducts(db, tastes * perTaste);
  const people = Array.from({ length: users }, () => uuidv7());
  await db`
    insert into users (user_id, is_anonymous, is_active) select id, false, true from unnest(${people}::uuid[]) as id`;
  const rows: { user: string; product: string; at: number }[] = [];
  for (const [nth, user] of people.entries()) {
    for (let deed = 0; deed < 12; deed += 1) {
      const within = random.chance(0.85) ? nth % tastes : random.below(tastes);
      rows.push({
        user,
        product: products[within * perTaste + random.below(perTaste)] as string,
        at: deed,
      });
    }
  }
  await db`
    insert into interactions (user_id, product_id, event_type, created_at)
    select u, p, 'click', timestamptz '2026-01-01' + d * interval '1 hour'
    from unnest(${rows.map(({ user }) => user)}::uuid[], ${rows.map(({ product }) => product)}::uuid[],
      ${rows.map(({ at }) => at)}::integer[]) as r(u, p, d)`;
  return { system, people, products };
};

const train = (system: Awaited<ReturnType<typeof setup>>, payload = {}) =>
  performJob(trainModel, handleTrainModel, payload, system.parts);

test('a model is trained, every list is made with it, and a worse one is put aside', {
  timeout: 180_000,
}, async () => {
  const { system, people, products } = await openShop();
  const { db, cache, prefix, parts } = system;
  await train(system);
  const first = await findServingModel(db);
  expect(first?.version).toBe(1);
  await performJob(refreshAll, handleRefreshAll, { ifStale: true }, parts);
  const numbers = new Map(
    (await db<{ product_id: string; number: number }>`select product_id, number from product_numbers`).map(
      ({ product_id, number }) => [number, product_id],
    ),
  );
  let own = 0;
  for (const [nth, user] of people.entries()) {
    const list = decodeList(await cache.getBuffer(userListKey(prefix, user)));
    expect(list?.modelVersion).toBe(1);
    const taste = new Set(products.slice((nth % tastes) * perTaste, ((nth % tastes) + 1) * perTaste));
    const best = [...(list?.entries ?? [])].sort((a, b) => b.collaborative - a.collaborative).slice(0, 5);
    own += best.filter(({ number }) => taste.has(numbers.get(number) as string)).length;
    expect(best.every(({ reason, because }) => reason === 'clicked' && because > 0)).toBe(true);
  }
  expect(own / (5 * users)).toBeGreaterThan(0.9);

  // One direction for everybody: popularity, and not even that.
  await train(system, {
    parameters: {
      ...defaultParameters,
      lowRank: { ...defaultParameters.lowRank, rank: 1, scoreExponent: 0 },
      lowRankShare: 1,
    },
  });
  expect((await findServingModel(db))?.version).toBe(1);
  const [aside] = await db<{ state: string }>`select state from models where version = 2`;
  expect(aside?.state).toBe('aside');
  const audits = await db<{ severity: string }>`
    select severity from system_audit where component = 'training' order by id`;
  expect(audits.map(({ severity }) => severity)).toEqual(['info', 'warning']);

  // As good as the one before is good enough.
  await train(system, { parameters: first && (await parametersOf(system, 1)) });
  expect((await findServingModel(db))?.version).toBe(3);
});

const parametersOf = async ({ db }: Awaited<ReturnType<typeof setup>>, version: number) => {
  const [row] = await db<{ parameters: typeof defaultParameters }>`
    select figures -> 'parameters' as parameters from models where version = ${version}`;
  return row?.parameters;
};

test('a freshly imported shop gets its model by itself, and again when signals have grown by a fifth', {
  timeout: 180_000,
}, async () => {
  const { system } = await openShop();
  const { db } = system;
  await db`analyze interactions`;
  // When, not how well: nothing is tuned.
  const look = () => train(system, { ifGrown: true, parameters: defaultParameters });
  await look();
  // Signals were not known to have stopped pouring in.
  expect(await findServingModel(db)).toBeUndefined();
  await look();
  expect((await findServingModel(db))?.version).toBe(1);
  await look();
  expect((await findServingModel(db))?.version).toBe(1);
  await db`
    insert into interactions (user_id, product_id, event_type, created_at)
    select user_id, product_id, 'view', created_at from interactions limit 2000`;
  await db`analyze interactions`;
  await look();
  await look();
  // Served or put aside: which is no matter of when.
  const trained = await db<{ version: number }>`select version from models order by version`;
  expect(trained.map(({ version }) => version)).toEqual([1, 2]);
});

test('a rebuild of the model sends a training that is under way away, and lists follow', {
  timeout: 180_000,
}, async () => {
  const { system, people } = await openShop();
  const { db, cache, prefix } = system;
  const { url, keys } = await system.startApi();
  const client = createClient(url, keys.admin);
  const running = train(system);
  await eventually(async () =>
    expect((await client.get('/v1/admin/status')).json).toMatchObject({ training: true, idle: false }),
  );
  system.startWorkers();
  const { json } = await client.post('/v1/admin/rebuild', { targets: ['model', 'recommendations'] });
  await eventually(async () => {
    const { json: rebuild } = await client.get(`/v1/admin/rebuild/${json.rebuild_id}`);
    expect(rebuild.state).toBe('done');
  }, 120_000);
  await running;
  const [models] = await db<{ trained: number }>`select count(*)::integer as trained from models`;
  expect(models?.trained).toBe(1);
  await drain(system);
  const { json: status } = await client.get('/v1/admin/status');
  expect(status).toMatchObject({ training: false, model: { version: expect.any(Number) } });
  const list = decodeList(await cache.getBuffer(userListKey(prefix, people[0] as string)));
  expect(list?.modelVersion).toBe(status.model.version);
});

test('a model whose file is damaged leads to another, and operators are told', {
  timeout: 180_000,
}, async () => {
  const { system, people } = await openShop();
  const { db, cache, prefix, parts, artifacts } = system;
  await train(system, { parameters: defaultParameters });
  const damaged = await findServingModel(db);
  const path = await artifacts.file(damaged?.file ?? '');
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  await chmod(path, 0o600);
  await writeFile(path, bytes);
  system.startWorkers();
  await parts.lists.refresh(people.slice(0, 1).map((id) => ({ id })));
  await eventually(async () => {
    const serving = await findServingModel(db);
    expect(serving?.version).toBeGreaterThan(damaged?.version ?? 0);
    const list = decodeList(await cache.getBuffer(userListKey(prefix, people[0] as string)));
    expect(list?.modelVersion).toBe(serving?.version);
  }, 120_000);
  const audit = await db<{ severity: string; payload: object }>`
    select severity, payload from system_audit where component = 'lists'`;
  expect(audit).toMatchObject([{ severity: 'error', payload: { key: damaged?.file } }]);
});
