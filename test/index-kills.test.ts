import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { buildShard } from '../jobs/build-shard.ts';
import { publishIndex } from '../jobs/publish-index.ts';
import { type ArtifactStore, createArtifactStore } from '../src/artifacts/store.ts';
import { countDirty } from '../src/db/dirty-keys.ts';
import { findIndexState } from '../src/db/vector-indexes.ts';
import { createEmbedders } from '../src/embeddings/embedders.ts';
import { fallbackModel } from '../src/embeddings/fallback-model.ts';
import { createLog } from '../src/log.ts';
import { createProducer } from '../src/queue/producer.ts';
import { connectForRequests } from '../src/queue/redis.ts';
import { type Manifest, manifest as manifestSchema } from '../src/vectors/manifest.ts';
import { createVectorIndex } from '../src/vectors/vector-index.ts';
import { expectIdle } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { fillShop, newStats, products, read, type Shop, startApis } from './support/index-shop.ts';
import { createIndexJudge } from './support/judge-index.ts';
import { seeded } from './support/random-shop.ts';
import { type RunningSystem, startSystem } from './support/system.ts';

// Before FAISS comes: OpenBLAS joins its threads at every fork, for ever if one of them is computing just then, and this
// process both searches and starts others.
process.env.OPENBLAS_NUM_THREADS = '1';

/** `KILLS=100` for as many as are asked for; `SEED` to see a run again, as far as processes can be made to repeat one. */
const kills = Number(process.env.KILLS ?? 8);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** What readers outside are told. */
const readCurrent = async (store: ArtifactStore): Promise<Manifest> =>
  manifestSchema.parse(JSON.parse(await readFile(await store.file('index/current.json'), 'utf8')));

/** Open every generation that is published, in its order, and look whether it is whole. */
const readGenerations = async (system: RunningSystem, { texts }: Shop, signal: AbortSignal) => {
  const log = createLog('test', 'silent');
  const settings = {
    ARTIFACTS_DIR: join(system.dir, 'artifacts'),
    AWS_REGION: 'none',
    EMBEDDER: 'fallback',
  } as const;
  const store = createArtifactStore(settings, log);
  const index = createVectorIndex(store, log);
  onTestFinished(() => index.close());
  const embedder = await createEmbedders(settings, log, () => {}).named(fallbackModel);
  const judge = createIndexJudge({ store, embedder, texts });
  const faults: string[] = [];
  let last = 0;

  /** Everybody is found by their own vector. */
  const searchIt = async (manifest: Manifest, rows: readonly { number: number; vector: Buffer }[]) => {
    await index.open(manifest);
    const queries = Buffer.concat(rows.map(({ vector }) => vector));
    const found = await index.search(new Float32Array(Uint8Array.from(queries).buffer), { k: 1 });
    for (const [at, { number }] of rows.entries())
      if (found[at]?.numbers[0] !== number)
        faults.push(`generation ${manifest.generation}: number ${number} is not found by its vector`);
  };

  const look = async () => {
    const published = await system.db<{ manifest: Manifest }>`
      select manifest from index_generations where generation > ${last} order by generation`;
    for (const { manifest } of published) {
      const { rows, faults: found } = await judge.judge(manifest);
      faults.push(...found);
      await searchIt(manifest, [...rows.values()].slice(0, 64));
      last = manifest.generation;
    }
    if (last > 0) {
      faults.push(...(await judge.judgeMeta(system.db)));
      const told = await readCurrent(store);
      const [one] = await system.db<{ manifest: Manifest }>`
        select manifest from index_generations where generation = ${told.generation}`;
      expect(told).toEqual(one?.manifest);
    }
    return published.length;
  };

  const ended = (async () => {
    while (!signal.aborted) if ((await look()) === 0) await delay(20);
    await look();
  })();
  ended.catch(() => {});
  return { ended, faults, index, judge, store, embedder, generations: () => last };
};

/** The jobs of a queue that a worker has begun and not ended, each start under a name of its own. */
const startWatching = (system: RunningSystem) => {
  const redis = connectForRequests(system.servers.queue.url, createLog('test', 'silent'), 5_000);
  const producer = createProducer(redis, { prefix: 'zyra', timeoutMs: 5_000 });
  onTestFinished(() => producer.close());
  const underWay = async () => {
    const found = new Map<string, string>();
    for (const name of ['shards', 'index'] as const) {
      for (const job of (await producer.queues.get(name)?.getActive()) ?? [])
        found.set(`${job.id}/${job.attemptsStarted}`, job.name);
    }
    return found;
  };
  /** There is always a shard to be built and an index to be published, whatever the last kill holds up. */
  const feed = async () => {
    for (const [job, payload] of [
      [buildShard, { model: fallbackModel, shards: 1, shard: 0 }],
      [publishIndex, { anew: true }],
    ] as const) {
      const waiting = (await producer.queues.get(job.queue)?.getWaitingCount()) ?? 0;
      for (let more = waiting; more < 2; more += 1) await producer.enqueue(job, payload, { jobId: uuidv7() });
    }
  };
  return { producer, underWay, feed };
};

test(
  `a worker killed ${kills} times amid building and publishing: no read fails, no generation is torn`,
  async () => {
    const began = Date.now();
    const random = seeded(seed);
    const system = await startSystem();
    const { db } = system;
    const apis = await startApis(system);
    const shop = await fillShop(apis, random);
    const { producer, underWay, feed } = startWatching(system);
    const state = async () => {
      const found = await findIndexState(db, fallbackModel);
      if (!found?.manifest) throw new Error('there is no index');
      return { ...found, manifest: found.manifest };
    };
    await eventually(async () => {
      expect((await state()).manifest.count).toBe(products);
    }, 60_000);
    // Each of them, before anybody reads: their lists are made one after the other.
    for (const id of shop.ids)
      await eventually(async () => {
        const { json } = await apis.ask('read', (client) => client.get(`/v1/products/${id}/similar`));
        expect(json.items.length).toBeGreaterThan(0);
      }, 60_000);

    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const stats = newStats();
    const generations = await readGenerations(system, shop, stop.signal);
    const callers = [1, 2, 3].map((nth) => read(apis, shop, seeded(seed + nth), stats, stop.signal));
    const editing = new AbortController();
    const editor = (async () => {
      for (; !editing.signal.aborted; await delay(100)) await shop.edit(4);
    })();
    const rebuilds: string[] = [];

    // Every worker dies at some moment of a build or a publication that it has begun.
    const hits: Record<string, number> = {};
    let amid = 0;
    let { worker } = system.processes;
    /** What the workers before have left. */
    let before = new Map<string, string>();
    for (let kill = 1; kill <= kills; kill += 1) {
      expect([...stats.failed, ...generations.faults]).toEqual([]);
      await feed();
      if (kill % 8 === 0) await apis.killOne(kill / 8);
      if (kill % 10 === 5) {
        const targets = random.chance(0.5) ? ['index'] : ['embeddings', 'index'];
        const { json } = await apis.ask('admin', (client) => client.post('/v1/admin/rebuild', { targets }));
        rebuilds.push(json.rebuild_id);
      }
      const aim = random.pick(['build-shard', 'publish-index']);
      const isNew = async () => [...(await underWay())].filter(([start]) => !before.has(start));
      await eventually(async () => {
        await feed();
        expect((await isNew()).map(([, name]) => name)).toContain(aim);
      }, 60_000);
      // A publication goes on for as long as there is news, so this is any moment of it, or of one of several builds.
      await delay(random.below(300));
      worker.kill('SIGKILL');
      await worker.exited;
      const died = (await isNew()).map(([, name]) => name);
      before = await underWay();
      for (const name of died) hits[name] = (hits[name] ?? 0) + 1;
      if (died.length > 0) amid += 1;
      worker = await system.startProcess('worker');
    }
    const killedIn = Date.now() - began;

    const isIdle = () => expectIdle(producer, ['embeddings', 'shards', 'index']);
    editing.abort();
    await editor;
    await apis.settled();
    const newest = (id: string) => shop.texts.get(id)?.at(-1);
    await eventually(async () => {
      const names = await db<{ id: string; name: string }>`select product_id as id, name from products`;
      expect(names.filter(({ id, name }) => name !== newest(id))).toEqual([]);
      expect((await countDirty(db)).filter(({ kind }) => kind === 'embedding')).toEqual([]);
      for (const id of rebuilds)
        expect(
          (await apis.ask('admin', (client) => client.get(`/v1/admin/rebuild/${id}`))).json,
        ).toMatchObject({
          state: 'done',
        });
      await isIdle();
      const { covers, newest: changed, announced, generation, drafts, described, manifest } = await state();
      expect({ drafts, announced, isPublished: changed <= covers }).toEqual({
        ...{ drafts: [], announced: generation, isPublished: true },
      });
      for (const shard of [manifest.delta, ...manifest.shards])
        if (shard) expect(described[shard.npy.key]).toBe(shard.count);
    }, 120_000);
    stop.abort();
    await Promise.all([...callers, generations.ended]);
    const seconds = Math.round((Date.now() - began) / 1_000);
    const { failed, ...reads } = stats;
    process.stdout.write(
      `${JSON.stringify({ test: 'index-kills', seed, kills, amid, ...hits, ...apis.counts, ...reads, failed: failed.length, generations: generations.generations(), faults: generations.faults.length, rebuilds: rebuilds.length, killedIn, seconds })}\n`,
    );
    expect(failed).toEqual([]);
    expect(generations.faults).toEqual([]);
    // Otherwise the kills were not what they should be.
    expect(amid).toBeGreaterThanOrEqual(kills / 2);
    expect(generations.generations()).toBeGreaterThan(kills / 2);

    await expectFresh(system, shop, generations, (await state()).manifest);
    const { json } = await apis.ask('admin', (client) =>
      client.post('/v1/admin/rebuild', {
        targets: ['embeddings', 'index'],
      }),
    );
    await eventually(async () => {
      const { json: progress } = await apis.ask('admin', (client) =>
        client.get(`/v1/admin/rebuild/${json.rebuild_id}`),
      );
      expect(progress).toMatchObject({ state: 'done' });
      // Whoever was told of the news meanwhile publishes once more, though there is nothing new in it.
      await isIdle();
    }, 60_000);
    await expectFresh(system, shop, generations, (await state()).manifest);
  },
  240_000 + kills * 10_000,
);

/** The index is what one made anew from the texts would be: the same products, the same vectors, the same neighbours. */
const expectFresh = async (
  { db }: RunningSystem,
  { ids, texts }: Shop,
  { index, judge, store, embedder }: Awaited<ReturnType<typeof readGenerations>>,
  manifest: Manifest,
) => {
  const { rows, faults } = await judge.judge(manifest);
  expect(faults).toEqual([]);
  expect([...rows.keys()].sort()).toEqual([...ids].sort());
  const fresh = await embedder.embed(ids.map((id) => texts.get(id)?.at(-1) ?? ''));
  const stored = new Map(
    (
      await db<{ id: string; vector: Uint8Array }>`
        select product_id as id, vector from product_vectors where model = ${manifest.model}`
    ).map(({ id, vector }) => [id, Buffer.from(vector)]),
  );
  const { dim } = manifest;
  const vectorOf = (nth: number) => fresh.slice(nth * dim, (nth + 1) * dim);
  const unlike = ids.filter((id, nth) => {
    const made = Buffer.from(vectorOf(nth).buffer);
    return !made.equals(stored.get(id) as Buffer) || !made.equals(rows.get(id)?.vector as Buffer);
  });
  expect(unlike).toEqual([]);

  // Ten nearest of everybody, by plain multiplication.
  await index.open(manifest);
  const found = await index.search(fresh, { k: 10 });
  const numbers = ids.map((id) => rows.get(id)?.number as number);
  const score = (a: number, b: number) => {
    let sum = 0;
    for (let at = 0; at < dim; at += 1)
      sum += (fresh[a * dim + at] as number) * (fresh[b * dim + at] as number);
    return sum;
  };
  const placeOf = new Map(numbers.map((number, nth) => [number, nth]));
  const wrong = ids.filter((_, nth) => {
    const best = ids.map((__, other) => score(nth, other)).sort((a, b) => b - a);
    const hits = [...(found[nth]?.numbers ?? [])];
    return (
      new Set(hits).size !== 10 ||
      hits.some(
        (number, at) => Math.abs(score(nth, placeOf.get(number) as number) - (best[at] as number)) > 1e-5,
      )
    );
  });
  expect(wrong).toEqual([]);
  expect(await judge.judgeMeta(db)).toEqual([]);
  expect(await readCurrent(store)).toEqual(manifest);
  const [meta] = await db<{ described: number; elsewhere: number }>`
    select count(*)::integer as described,
      count(*) filter (where embedding_file <> all(${[manifest.delta, ...manifest.shards].flatMap((shard) => shard?.npy.key ?? [])}::text[]))::integer as elsewhere
    from embeddings_meta where object_type = 'product'`;
  expect(meta).toEqual({ described: products, elsewhere: 0 });
};
