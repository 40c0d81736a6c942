import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { jobs } from '../../jobs/index.ts';
import { applyNow } from '../../test/support/apply.ts';
import { setup } from '../../test/support/setup.ts';
import { loadConfig, projectRoot } from '../config.ts';
import { announceProducts } from '../db/serving.ts';
import { createRandom } from '../demo/random.ts';
import { hashedNgrams } from '../embeddings/hashed-ngrams.ts';
import { defaultParameters } from '../recommend/parameters.ts';
import { profiles } from '../recommend/signals.ts';
import { loadFromDatabase, loadFromFiles } from './evaluate-data.ts';

const zyra = async (...args: string[]) => {
  const child = spawn(process.execPath, [join(projectRoot, 'bin/zyra.mjs'), 'evaluate', ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '', EMBEDDER: 'fallback' },
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
};

interface Answer {
  users: number;
  signals: number;
  by_time: boolean;
  types: { name: string; figures: { recall: number } }[];
}

const kinds = ['cotton shirt', 'garden spade', 'coffee grinder', 'mystery novel'];

/** A shop where everybody buys one kind of goods and looks at what is popular. */
const shop = () => {
  const random = createRandom(11, 'evaluation');
  const products = kinds.flatMap((kind) =>
    Array.from({ length: 30 }, (_, at) => ({
      product_id: random.uuid(),
      name: `${kind} number ${at}`,
      kind,
    })),
  );
  const start = Date.parse('2026-01-01T00:00:00Z');
  const events = Array.from({ length: 200 }, (_, user) => {
    const user_id = random.uuid();
    const own = products.filter(({ kind }) => kind === kinds[user % kinds.length]);
    return random
      .shuffle(own)
      .slice(0, 12)
      .map(({ product_id }, nth) => ({
        ...{ type: 'interaction', event_id: random.uuid(), user_id, product_id, event_type: 'view' },
        created_at: new Date(start + (nth * 24 + (user % 24)) * 3_600_000).toISOString(),
      }));
  }).flat();
  return { products, events, start };
};

const toLines = (events: readonly unknown[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

const files = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-evaluate-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const { products, events, start } = shop();
  const [catalogue, deeds] = [join(dir, 'catalogue.ndjson.gz'), join(dir, 'deeds.ndjson')];
  await writeFile(
    catalogue,
    gzipSync(toLines(products.map(({ kind: _, ...product }) => ({ type: 'product', ...product })))),
  );
  await writeFile(deeds, toLines(events));
  return { dir, catalogue, deeds, products, events, start };
};

test('what can be known of a shop in groups is found by every type that can know it, from any split', {
  timeout: 240_000,
}, async () => {
  const { dir, catalogue, deeds, events, start } = await files();
  const later = join(dir, 'later.json');
  const early = events.filter(({ created_at }) => Date.parse(created_at) < start + 9 * 86_400_000);
  const wanted: Record<string, string[]> = {};
  for (const { user_id, product_id } of events.filter((event) => !early.includes(event)))
    wanted[user_id] = [...(wanted[user_id] ?? []), product_id];
  await writeFile(later, JSON.stringify(wanted));
  const earlyFile = join(dir, 'early.ndjson');
  await writeFile(earlyFile, toLines(early));

  const splits = [
    ['--events', catalogue, deeds],
    ['--events', catalogue, deeds, '--at', new Date(start + 9 * 86_400_000).toISOString()],
    ['--events', catalogue, earlyFile, '--test', later],
  ];
  const answers: Answer[] = [];
  for (const split of splits) {
    const { code, stdout, stderr } = await zyra(...split, '--budget', '0', '--k', '20', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answer = JSON.parse(stdout) as Answer;
    answers.push(answer);
    expect(answer).toMatchObject({ users: 200, by_time: true });
    const recall = new Map(answer.types.map(({ name, figures }) => [name, figures.recall]));
    // A list of 20 of the 21 that are left in the user's own group, against 20 of 111.
    for (const name of ['collaborative', 'content', 'hybrid, alpha 0.6', 'baseline: item-kNN'])
      expect(recall.get(name), name).toBeGreaterThan(0.9);
    for (const name of ['popular', 'baseline: popularity']) expect(recall.get(name), name).toBeLessThan(0.4);
  }
  // The last two are two ways to ask the same.
  const [, byTime, byFile] = answers;
  expect(byTime?.signals).toBe(byFile?.signals);
  for (const [at, { name, figures }] of byTime?.types.entries() ?? [])
    expect(byFile?.types[at]).toMatchObject({ name, figures: { recall: expect.closeTo(figures.recall, 6) } });
});

test('a grid tries every combination, and a table says what came of it', { timeout: 120_000 }, async () => {
  const { deeds } = await files();
  const grid = ['--grid', 'share=0,1;c=0.1,0.5;half-life=none,30'];
  const { code, stdout } = await zyra('--events', deeds, '--budget', '0', '--k', '10', ...grid);
  expect(code).toBe(0);
  expect(stdout).toMatch(/recall@10 +NDCG@10 +MAP@10 +coverage +novelty/);
  expect(stdout).not.toContain('hybrid');
  for (const name of ['half-life none, c 0.1, share 0', 'half-life 30, c 0.5, share 1'])
    expect(stdout).toMatch(new RegExp(`^${name} +\\d\\.\\d{4}`, 'm'));
  expect(stdout.match(/^half-life/gm)).toHaveLength(8);
});

test('wrong use is said in one line', { timeout: 240_000 }, async () => {
  const { deeds } = await files();
  const wrong: [string[], string][] = [
    [['--events', deeds, '--grid', 'x=1'], 'x is no parameter; there are power,'],
    [['--events', deeds, '--at', 'yesterday'], '--at yesterday is no time'],
    [['--events', deeds, '--test', deeds], 'does not hold lists of products by user'],
    [['--events', '/nowhere.ndjson'], '/nowhere.ndjson'],
  ];
  for (const [args, words] of wrong) {
    const { code, stderr } = await zyra(...args);
    expect(stderr).toContain(words);
    expect(code).toBe(2);
  }
  const { code, stderr } = await zyra('--events', deeds, '--at', '2030-01-01T00:00:00Z');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('is there too little data?'),
  });
});

test('the system’s own data give the same profiles as the files they came from', async () => {
  const { deeds, catalogue, products, events } = await files();
  const { db, parts } = await setup();
  await db`
    insert into products (product_id, name, available)
    select id, 'Product', true from unnest(${products.map(({ product_id }) => product_id)}::uuid[]) as id`;
  await announceProducts(
    db,
    products.map(({ product_id }) => product_id),
  );
  const received_at = new Date().toISOString();
  await applyNow(
    parts,
    events.map(({ type: _, ...event }) => ({
      job: jobs.recordInteractions,
      event: { received_at, ...event },
    })),
  );
  const settings = loadConfig({
    DATABASE_URL: 'postgres://x/y',
    REDIS_QUEUE_URL: 'redis://x',
    REDIS_CACHE_URL: 'redis://x',
  });
  const own = await loadFromDatabase(db, settings, () => {});
  const filed = await loadFromFiles([catalogue, deeds], settings, async () => hashedNgrams);
  const [first, second] = [own, filed].map(({ signals, userOf, itemOf }) => {
    const matrix = profiles(signals, defaultParameters);
    return { matrix, userOf, itemOf };
  });
  expect(first?.matrix.indices.length).toBe(events.length);
  expect(second?.matrix.indices.length).toBe(events.length);
  const sumOf = (values: Float32Array | undefined) => values?.reduce((sum, value) => sum + value, 0) ?? 0;
  for (const { user_id } of events.slice(0, 500)) {
    const [mine, theirs] = [first, second].map((side) => {
      const user = side?.userOf(user_id) ?? -1;
      return side?.matrix.values.subarray(side.matrix.starts[user], side.matrix.starts[user + 1]);
    });
    expect(mine?.length).toBe(12);
    expect(sumOf(mine)).toBeCloseTo(sumOf(theirs), 4);
  }
});
