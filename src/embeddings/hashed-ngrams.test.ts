import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { projectRoot } from '../config.ts';
import { hashedNgrams } from './hashed-ngrams.ts';

const { dim } = hashedNgrams;

const similarity = async (one: string, other: string): Promise<number> => {
  const vectors = await hashedNgrams.embed([one, other]);
  let sum = 0;
  for (let place = 0; place < dim; place += 1) {
    sum += (vectors[place] as number) * (vectors[dim + place] as number);
  }
  return sum;
};

test('a text has the same vector on every machine and in every release', async () => {
  const vector = await hashedNgrams.embed(['Braided USB cable, 3 ft']);
  const largest = [...vector.entries()].sort(([, a], [, b]) => Math.abs(b) - Math.abs(a)).slice(0, 3);
  expect(hashedNgrams.model).toBe('hashed-ngrams-v1');
  expect(largest.map(([place, value]) => [place, Number(value.toFixed(4))])).toMatchInlineSnapshot(`
    [
      [
        8,
        -0.3041,
      ],
      [
        130,
        -0.3041,
      ],
      [
        214,
        -0.3041,
      ],
    ]
  `);
});

test('every text has a vector of length one', async () => {
  for (const text of ['', '  ', '!?', 'the', 'चार्जिंग केबल', '充电线 🔌', '\ud83d', 'a'.repeat(100_000)]) {
    expect(await similarity(text, text), text.slice(0, 20)).toBeCloseTo(1, 5);
  }
});

test('spelling, plurals, accents and case matter little; other words matter much', async () => {
  expect(await similarity('usb charging cable', 'USB charging cables')).toBeGreaterThan(0.9);
  expect(await similarity('café machine', 'Cafe Machine')).toBeCloseTo(1, 5);
  expect(await similarity('wireless headphones', 'wireles headphnes')).toBeGreaterThan(0.4);
  expect(await similarity('usb charging cable', 'leather hiking boots')).toBeLessThan(0.15);
});

const catalogue = join(projectRoot, '../shared/data/amazon-in-catalogue.csv');

test.skipIf(!existsSync(catalogue))(
  'two of three nearest neighbours in a real catalogue share the narrowest category, against 3 % by chance',
  async () => {
    const rows: Record<string, string>[] = parse(readFileSync(catalogue), { columns: true });
    const products = [...new Map(rows.map((row) => [row.product_id, row])).values()];
    const leaves = products.map((row) => row.category?.split('|').at(-1));
    const vectors = await hashedNgrams.embed(products.map((row) => row.product_name ?? ''));
    const rowOf = (index: number) => vectors.subarray(index * dim, (index + 1) * dim);
    let shared = 0;
    for (let query = 0; query < products.length; query += 1) {
      const own = rowOf(query);
      const scored = products.map((_, other) => {
        const vector = rowOf(other);
        let score = 0;
        for (let place = 0; place < dim; place += 1)
          score += (own[place] as number) * (vector[place] as number);
        return { other, score: other === query ? -1 : score };
      });
      scored.sort((a, b) => b.score - a.score);
      shared += scored.slice(0, 5).filter(({ other }) => leaves[other] === leaves[query]).length;
    }
    expect(products).toHaveLength(1_351);
    expect(shared / (products.length * 5)).toBeGreaterThan(0.67);
  },
);
