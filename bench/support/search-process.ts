// Searches the index in a folder that `buildIndex` has filled, in a process of its own so that its memory is its own:
// `search-process.js FOLDER ROUNDS`, the figures as its one message.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifest as manifestSchema } from '../../src/vectors/manifest.ts';
import { seededRandom } from '../../src/vectors/random.ts';
import { createVectorIndex } from '../../src/vectors/vector-index.ts';
import { k, log, storeAt } from './build-index.ts';
import { dim } from './clusters.ts';
import { quantile } from './figures.ts';

const [folder = '', rounds = '3'] = process.argv.slice(2);

const memory = async () => {
  const rollup = await readFile('/proc/self/smaps_rollup', 'utf8').catch(() => '');
  const mib = (field: string) =>
    Math.round(Number(rollup.match(new RegExp(`^${field}:\\s+(\\d+)`, 'm'))?.[1]) / 1_024);
  return { rss_mib: mib('Rss'), anonymous_mib: mib('Anonymous') };
};

const round2 = (value: number) => Math.round(100 * value) / 100;

const stored = JSON.parse(await readFile(join(folder, 'bench.json'), 'utf8')) as {
  manifest: unknown;
  truth: number[][];
  queries: number[];
};
const manifest = manifestSchema.parse(stored.manifest);
const queries = Float32Array.from(stored.queries);
const questions = stored.truth.length;
const index = createVectorIndex(storeAt(folder), log);
const began = performance.now();
await index.open(manifest);
const openSeconds = (performance.now() - began) / 1_000;

const timed = async (times: number, allowed?: Uint8Array): Promise<number[]> => {
  const took: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const question = at % questions;
    const from = performance.now();
    await index.search(queries.subarray(question * dim, (question + 1) * dim), {
      ...{ k, ...(allowed && { allowed }) },
    });
    took.push(performance.now() - from);
  }
  return took;
};
await timed(questions);
const single = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const took = await timed(1_000);
  single.push({ p50: quantile(took, 0.5), p99: quantile(took, 0.99) });
}
const filtered: Record<string, number[]> = {};
for (const share of [0.5, 0.1, 0.01, 0.001]) {
  const allowed = new Uint8Array((manifest.count >> 3) + 1);
  const random = seededRandom(3);
  for (let n = 0; n < manifest.count; n += 1)
    if (random() < share) allowed[n >> 3] = (allowed[n >> 3] as number) | (1 << (n & 7));
  const took = await timed(100, allowed);
  filtered[share] = [round2(quantile(took, 0.5)), round2(quantile(took, 0.99))];
}
const batchBegan = performance.now();
for (let times = 0; times < 4; times += 1) await index.search(queries, { k: 100 });
const batchSeconds = (performance.now() - batchBegan) / 1_000;
const hits = await index.search(queries, { k });
let found = 0;
for (const [at, { numbers }] of hits.entries()) {
  const truth = new Set(stored.truth[at]);
  found += numbers.filter((number) => truth.has(number)).length;
}
const used = await memory();
await index.close();
process.send?.({
  p99: single.map(({ p99 }) => p99),
  recall: found / (questions * k),
  notes: {
    p50_ms: single.map(({ p50 }) => round2(p50)),
    ...{ open_s: round2(openSeconds), batch_per_second: Math.round((4 * questions) / batchSeconds) },
    ...{ filtered_p50_p99_ms: filtered, ...used },
  },
});
process.disconnect?.();
