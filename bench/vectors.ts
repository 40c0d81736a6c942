// How fast the index is built and searched, and how well: `node dist/bench/vectors.js --size 100000 [--json FILE]`.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { createArtifactStore } from '../src/artifacts/store.ts';
import { createLog } from '../src/log.ts';
import { manifest as manifestSchema, type Shard, shardsOf } from '../src/vectors/manifest.ts';
import { createNearestSearch } from '../src/vectors/nearest.ts';
import { normal, seededRandom } from '../src/vectors/random.ts';
import { createShardBuilder } from '../src/vectors/shard-builder.ts';
import { createVectorIndex } from '../src/vectors/vector-index.ts';

const dim = 384;
const clusterCount = 1000;
const questions = 500;
const k = 10;

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '100000' },
    json: { type: 'string' },
    // For its own second process, which only serves.
    serve: { type: 'string' },
  },
});
const log = createLog('bench', 'warn');
const storeAt = (folder: string) => createArtifactStore({ ARTIFACTS_DIR: folder, AWS_REGION: 'none' }, log);
const seconds = (since: number) => Math.round((performance.now() - since) / 10) / 100;

/** Unit vectors around random centres, the noise six tenths of the centre's length: two neighbours' cosine is 0.74. */
const clusters = () => {
  const random = seededRandom(7);
  const noise = Float32Array.from({ length: 1 << 21 }, () => normal(random));
  const centres = Uint32Array.from({ length: clusterCount }, () =>
    Math.floor(random() * (noise.length - dim)),
  );
  return (count: number): Float32Array => {
    const vectors = new Float32Array(count * dim);
    for (let row = 0; row < count; row += 1) {
      const centre = centres[Math.floor(random() * centres.length)] as number;
      const shift = Math.floor(random() * (noise.length - dim));
      let squares = 0;
      for (let at = 0; at < dim; at += 1) {
        const x = (noise[centre + at] as number) + 0.6 * (noise[shift + at] as number);
        vectors[row * dim + at] = x;
        squares += x * x;
      }
      const length = Math.sqrt(squares);
      for (let at = row * dim; at < (row + 1) * dim; at += 1) vectors[at] = (vectors[at] as number) / length;
    }
    return vectors;
  };
};

type Scored = { number: number; score: number };

const build = async (size: number, folder: string) => {
  const store = storeAt(folder);
  const builder = createShardBuilder(store);
  const search = await createNearestSearch();
  const draw = clusters();
  const queries = draw(questions);
  const exact: Scored[][] = Array.from({ length: questions }, () => []);
  let shardCount = 1;
  while (size / shardCount > 50_000) shardCount *= 2;
  const shards: Shard[] = [];
  let buildMs = 0;
  for (let shard = 0; shard < shardCount; shard += 1) {
    const first = Math.floor((size * shard) / shardCount);
    const count = Math.floor((size * (shard + 1)) / shardCount) - first;
    const vectors = draw(count);
    for (let start = 0; start < count; start += 8192) {
      const found = await search.nearest(
        queries,
        vectors.subarray(start * dim, (start + 8192) * dim),
        dim,
        k,
      );
      for (const [at, row] of found.rows.entries()) {
        exact[Math.floor(at / k)]?.push({ number: first + start + row, score: found.scores[at] as number });
      }
    }
    const numbers = Uint32Array.from({ length: count }, (_, row) => first + row);
    const began = performance.now();
    shards.push(
      await builder.build(`index/bench/shard-${shard}`, {
        ids: new Uint8Array(count * 16),
        numbers,
        vectors,
        dim,
        ofShards: shardCount,
      }),
    );
    buildMs += performance.now() - began;
  }
  await builder.close();
  await search.close();
  const truth = exact.map((hits) =>
    hits
      .sort((a, b) => b.score - a.score)
      .slice(0, k)
      .map((hit) => hit.number),
  );
  const manifest = {
    ...{ format: 1, generation: 1, model: 'bench', dim, created_at: new Date().toISOString() },
    ...{ shards, delta: null, count: size },
  };
  await writeFile(join(folder, 'bench.json'), JSON.stringify({ manifest, truth, queries: [...queries] }));
  return {
    shards: shardCount,
    build_s: Math.round(buildMs / 10) / 100,
    faiss_bytes: shards.reduce((sum, { faiss }) => sum + faiss.bytes, 0),
    npy_bytes: shards.reduce((sum, { npy }) => sum + npy.bytes, 0),
    type: shards[0]?.type,
    lists: shards[0]?.lists,
    probes: shards.map(({ probes }) => probes),
    recall_said: Math.min(...shards.map(({ recall }) => recall)),
  };
};

const percentile = (sorted: Float64Array, part: number) =>
  Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number) * 100) / 100;

const memory = async () => {
  const rollup = await readFile('/proc/self/smaps_rollup', 'utf8').catch(() => '');
  const mb = (field: string) =>
    Math.round(Number(rollup.match(new RegExp(`^${field}:\\s+(\\d+)`, 'm'))?.[1]) / 1024);
  return {
    rss_mb: mb('Rss'),
    private_mb: mb('Private_Dirty') + mb('Private_Clean'),
    anonymous_mb: mb('Anonymous'),
  };
};

const serve = async (folder: string) => {
  const stored = JSON.parse(await readFile(join(folder, 'bench.json'), 'utf8'));
  const manifest = manifestSchema.parse(stored.manifest);
  const queries = Float32Array.from(stored.queries as number[]);
  const index = createVectorIndex(storeAt(folder), log);
  const before = await memory();
  const began = performance.now();
  await index.open(manifest);
  const open_s = seconds(began);
  const one = (at: number) => queries.subarray(at * dim, (at + 1) * dim);
  const timed = async (run: (at: number) => Promise<unknown>, times: number) => {
    const ms = new Float64Array(times);
    for (let at = 0; at < times; at += 1) {
      const start = performance.now();
      await run(at % questions);
      ms[at] = performance.now() - start;
    }
    return ms.sort();
  };
  await timed((at) => index.search(one(at), { k }), questions);
  const single = await timed((at) => index.search(one(at), { k }), 2000);
  const size = manifest.count;
  const part = (share: number) => {
    const allowed = new Uint8Array((size >> 3) + 1);
    const random = seededRandom(3);
    for (let n = 0; n < size; n += 1)
      if (random() < share) allowed[n >> 3] = (allowed[n >> 3] as number) | (1 << (n & 7));
    return allowed;
  };
  const filtered: Record<string, number[]> = {};
  for (const share of [0.5, 0.1, 0.01, 0.001]) {
    const allowed = part(share);
    const ms = await timed((at) => index.search(one(at), { k, allowed }), 100);
    filtered[share] = [percentile(ms, 0.5), percentile(ms, 0.99)];
  }
  const batchBegan = performance.now();
  for (let times = 0; times < 4; times += 1) await index.search(queries, { k: 100 });
  const batchS = (performance.now() - batchBegan) / 1000;
  const hits = await index.search(queries, { k });
  let found = 0;
  for (const [at, { numbers }] of hits.entries()) {
    const truth = new Set(stored.truth[at] as number[]);
    found += numbers.filter((number) => truth.has(number)).length;
  }
  const after = await memory();
  const files = shardsOf(manifest).length;
  await index.close();
  return {
    ...{ files, open_s, p50_ms: percentile(single, 0.5), p99_ms: percentile(single, 0.99) },
    recall_at_10: found / (questions * k),
    batch_per_s: Math.round((4 * questions) / batchS),
    filtered_p50_p99_ms: filtered,
    memory_before: before,
    memory_after: after,
  };
};

if (options.serve) {
  process.stdout.write(JSON.stringify(await serve(options.serve)));
} else {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-bench-'));
  try {
    const built = await build(Number(options.size), folder);
    const own = fileURLToPath(import.meta.url);
    const { stdout } = await promisify(execFile)(process.execPath, [own, '--serve', folder]);
    const result = {
      ...{ vectors: Number(options.size), dim, cores: availableParallelism() },
      ...built,
      ...(JSON.parse(stdout) as Awaited<ReturnType<typeof serve>>),
    };
    for (const [name, value] of Object.entries(result)) {
      console.log(`${name.padEnd(16)} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
    }
    if (options.json) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
