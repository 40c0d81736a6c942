import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'node:querystring';
import { text } from 'node:stream/consumers';
import { parse } from 'csv-parse/sync';
import { expect, inject, onTestFinished, test } from 'vitest';
import { projectRoot } from '../src/config.ts';
import type { Embedder } from '../src/embeddings/embedder.ts';
import { hashedNgrams } from '../src/embeddings/hashed-ngrams.ts';
import { createMiniLm } from '../src/embeddings/minilm.ts';
import { normal, seededRandom } from '../src/vectors/random.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { setup } from './support/setup.ts';

/** Not part of the project: its licence does not allow it. */
const catalogue = join(projectRoot, '../shared/data/amazon-in-catalogue.csv');
const model = inject('modelFolder');
const skipped = model === '' || !existsSync(catalogue);
/** Of every kind so many, and no more of their texts: the whole catalogue takes the model minutes. `WHOLE_CATALOGUE=1` takes it. */
const whole = Boolean(process.env.WHOLE_CATALOGUE);
const perKind = whole ? Number.POSITIVE_INFINITY : 2;
const textLength = whole ? Number.POSITIVE_INFINITY : 100;
/** Enough for a list of cables to be one of cables. */
const cables = 12;

type Row = Record<string, string> & {
  product_id: string;
  product_name: string;
  category: string;
  about_product: string;
};

const readRows = async (): Promise<Row[]> => {
  const rows: Row[] = parse(await readFile(catalogue), { columns: true });
  return [...new Map(rows.map((row) => [row.product_id, row])).values()];
};

/** The first products of each kind of which there are enough. */
const someOf = (rows: readonly Row[], most: (kind: string) => number, least = 0): Row[] => {
  const kinds = new Map<string, Row[]>();
  for (const row of rows) kinds.set(row.category, [...(kinds.get(row.category) ?? []), row]);
  return [...kinds]
    .filter(([, kind]) => kind.length >= least)
    .flatMap(([name, kind]) => kind.slice(0, most(name)));
};

const csvOf = (rows: readonly Row[]): string => {
  const line = (fields: readonly string[]) =>
    fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',');
  return [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))].map(line).join('\n');
};

/** `npx zyra …` in an environment that knows of no other system. */
const zyra = async (...args: string[]): Promise<string> => {
  const child = spawn(process.execPath, [join(projectRoot, 'bin/zyra.mjs'), ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect(code, stderr).toBe(0);
  return stdout;
};

/** What is typed, and what the best answer is to be of, by the last part of their categories' slug. */
const queries: readonly [q: string, kind: RegExp][] = [
  ['usb c cable for fast charging', /cable/],
  ['hdmi cabel for 4k tv', /hdmi-cables/],
  ['mixer grindr', /grinder/],
  ['smart watch with heart rate monitor', /smart-watches/],
  ['wireless earbuds with long battery life', /in-ear|true-wireless|headphones/],
  ['remote control for samsung television', /remote-controls/],
  ['memory card for a phone', /micro-sd/],
  ['room heater for winter', /heater/],
];
/** Said in other words than the shop's. */
const paraphrases: readonly [q: string, kind: RegExp][] = [
  ['gadget that takes creases out of clothing', /iron/],
  ['loudspeakers', /speaker/],
];

interface Item {
  product_id: string;
  score: number;
  source: string;
  product: { name: string; category_slug: string };
}

test.skipIf(skipped)(
  'a real catalogue: cables are near cables, and what is typed is found, misspelt and in other words, too',
  { timeout: whole ? 1_200_000 : 240_000 },
  async () => {
    const rows = someOf(await readRows(), (kind) =>
      Math.max(perKind, kind.endsWith('Cables') ? cables : 0),
    ).map((row) => ({
      ...row,
      about_product: row.about_product.slice(0, textLength),
    }));
    const folder = await mkdtemp(join(tmpdir(), 'zyra-catalogue-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'catalogue.csv');
    await writeFile(file, csvOf(rows));

    const system = await setup({ EMBEDDER: 'auto', EMBEDDING_MODEL_PATH: model });
    system.startWorkers();
    const { url, keys } = await system.startApi();
    const mapping = join(projectRoot, 'examples/amazon-in.mapping.json');
    const address = ['--api', url, '--key', keys.admin];
    await zyra('import', file, '--mapping', mapping, ...address);
    await drain(system, whole ? 1_000_000 : 180_000);
    expect(system.vectors.manifest).toMatchObject({ model: 'all-MiniLM-L6-v2-q8', count: rows.length });

    const client = createClient(url, keys.read);
    const items = async (path: string, query: Record<string, string | number>): Promise<Item[]> => {
      const answer = await client.get(`${path}?${stringify({ ...query, expand: 'product' })}`);
      expect(answer.status, answer.text).toBe(200);
      return answer.json.items;
    };
    const search = (q: string, k: number) => items('/v1/search', { q, k });
    const kinds = (found: readonly Item[]) => found.map(({ product }) => product.category_slug);

    for (const asin of ['B07JW9H4J1', 'B098NS6PVG', 'B07KSMBL2H']) {
      const [product] = (await search(asin, 1)) as [Item];
      const near = await items(`/v1/products/${product.product_id}/similar`, { k: 5 });
      expect.soft(kinds(near)[0], product.product.name).toMatch(/cable/);
      const cables = kinds(near).filter((slug) => /cable/.test(slug));
      expect.soft(cables.length, `${product.product.name}: ${kinds(near)}`).toBeGreaterThanOrEqual(3);
    }
    const missed: string[] = [];
    for (const [q, kind] of queries) {
      const found = await search(q, 3);
      expect(found).toHaveLength(3);
      const [first = ''] = kinds(found);
      if (!kind.test(first)) missed.push(`${q}: ${first}`);
    }
    // Of what a mouse says of its battery and an earbud does not, no model of this size makes sense.
    expect.soft(missed.length, missed.join('; ')).toBeLessThanOrEqual(1);
    for (const [q, kind] of paraphrases) {
      const [best] = (await search(q, 1)) as [Item];
      expect.soft(best.product.category_slug, q).toMatch(kind);
    }
    if (whole) process.stdout.write(await zyra('demo', 'search', ...address));
  },
);

/** How many of each product's five nearest are of the narrowest category it is of. */
const sharedLeaves = async ({ embed, dim }: Embedder, rows: readonly Row[]): Promise<number> => {
  const vectors = await embed(rows.map((row) => row.product_name));
  const scoreOf = (one: number, other: number): number => {
    let score = 0;
    for (let at = 0; at < dim; at += 1)
      score += (vectors[one * dim + at] as number) * (vectors[other * dim + at] as number);
    return score;
  };
  let shared = 0;
  for (const [at, { category }] of rows.entries()) {
    const nearest = rows
      .map((row, other) => ({ row, score: other === at ? -1 : scoreOf(at, other) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 5);
    shared += nearest.filter(({ row }) => row.category === category).length;
  }
  return shared / (rows.length * 5);
};

test.skipIf(skipped)(
  'nearest neighbours are of the same kind more often by MiniLM than by spelling, than by chance',
  async () => {
    const all = await readRows();
    const rows = whole ? all : someOf(all, () => 8, 12);
    const miniLm = createMiniLm(model);
    onTestFinished(() => miniLm.close());
    const random = seededRandom(1);
    const byChance: Embedder = {
      model: 'chance',
      dim: 384,
      embed: async (texts) => Float32Array.from({ length: texts.length * 384 }, () => normal(random)),
    };
    const [meaning, spelling, chance] = [
      await sharedLeaves(miniLm, rows),
      await sharedLeaves(hashedNgrams, rows),
      await sharedLeaves(byChance, rows),
    ];
    expect(meaning).toBeGreaterThan(spelling);
    expect(spelling).toBeGreaterThan(10 * chance);
  },
);
