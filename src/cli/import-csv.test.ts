import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { v5 as uuidv5 } from 'uuid';
import { expect, test } from 'vitest';
import { projectRoot } from '../config.ts';
import { type Mapping, parseMapping } from './csv-mapping.ts';
import { UsageError } from './failure.ts';
import { csvLines } from './import-csv.ts';

const namespace = '0b5f6a4e-95d0-4a0c-9d7a-1f1d0c3f4f55';
const mappingOf = (mapping: Record<string, unknown>): Mapping =>
  parseMapping(JSON.stringify({ namespace, ...mapping }), 'test.json');

const shop = mappingOf({
  unique: 'id',
  events: [
    {
      type: 'product',
      fields: {
        product_id: { uuid: 'product:{id}' },
        sku: 'id',
        name: { column: 'title', max_length: 12 },
        category_slug: {
          category: 'path',
          split: '>',
          as: 'words',
          under: { slug: 'all', name: 'Everything' },
        },
        tags: { list: [{ column: 'path', split: '>', as: 'words' }, 'brand', { const: 'new' }] },
        brand: { column: 'brand', default: 'unknown' },
        price: { column: 'price', as: 'decimal' },
        short_description: { column: 'about', split: '|', take: 1 },
        long_description: { column: 'about', split: '|', join: '\n' },
        metadata_json: {
          object: { size: { column: 'title', match: '(\\d+) cm' }, source: { const: 'test' } },
        },
      },
    },
    {
      type: 'image',
      when: 'image',
      fields: { image_id: { uuid: 'image:{id}' }, s3_key: { template: 'shop/{id}.jpg' }, cdn_url: 'image' },
    },
  ],
});

const read = async (text: string, mapping = shop) => {
  const rejected: [number, string][] = [];
  const events: [number, Record<string, unknown>][] = [];
  const pieces = Readable.from(Buffer.from(text).length > 40 ? [text.slice(0, 37), text.slice(37)] : [text]);
  for await (const { line, text: json } of csvLines(pieces, mapping, (...found) => rejected.push(found)))
    events.push([line, JSON.parse(json.toString())]);
  return { events, rejected };
};

const header = 'id,title,path,brand,price,about,image';

test('a row becomes the categories above it, a product and an image', async () => {
  const { events, rejected } = await read(
    `\uFEFF${header}\nA1,"Lamp, 30 cm tall",Home&Garden>Lamps,Lumo,"₹1,299.50",Bright|Warm,https://cdn/x.jpg\n`,
  );
  expect(rejected).toEqual([]);
  expect(events.map(([, event]) => event)).toEqual([
    { type: 'category', slug: 'all', name: 'Everything' },
    { type: 'category', slug: 'all-home-garden', name: 'Home & Garden', parent_slug: 'all' },
    { type: 'category', slug: 'all-home-garden-lamps', name: 'Lamps', parent_slug: 'all-home-garden' },
    {
      type: 'product',
      product_id: uuidv5('product:A1', namespace),
      sku: 'A1',
      name: 'Lamp, 30 cm',
      category_slug: 'all-home-garden-lamps',
      tags: ['Home & Garden', 'Lamps', 'Lumo', 'new'],
      brand: 'Lumo',
      price: '1299.50',
      short_description: 'Bright',
      long_description: 'Bright\nWarm',
      metadata_json: { size: '30', source: 'test' },
    },
    {
      type: 'image',
      image_id: uuidv5('image:A1', namespace),
      s3_key: 'shop/A1.jpg',
      cdn_url: 'https://cdn/x.jpg',
    },
  ]);
});

test('categories come once, the first of repeated rows counts, empty cells leave their fields out', async () => {
  const { events } = await read(`${header}\nA1,One,X>Y,,1,,\nA1,Other,X>Z,,2,,\nB2,Two,X>Y,,,,\n`);
  expect(events.map(([line, { type, name }]) => [line, type, name])).toEqual([
    [2, 'category', 'Everything'],
    [2, 'category', 'X'],
    [2, 'category', 'Y'],
    [2, 'product', 'One'],
    [4, 'product', 'Two'],
  ]);
  const [, two] = events[4] ?? [];
  expect(two).toMatchObject({ brand: 'unknown' });
  expect(two).not.toHaveProperty('price');
  expect(two).not.toHaveProperty('long_description');
});

test('equal names under different parents are different categories; one slug for two of them is refused', async () => {
  const { events, rejected } = await read(
    `${header}\nA,a,X>Cables,,1,,\nB,b,Y>Cables,,1,,\nC,c,X-Cables>Q,,1,,\nD,d,X>Cables Q,,1,,`,
  );
  const slugs = events.flatMap(([, { type, slug }]) => (type === 'category' ? [slug] : []));
  expect(slugs).toContain('all-x-cables');
  expect(slugs).toContain('all-y-cables');
  expect(rejected.map(([line]) => line)).toEqual([4]);
  expect(rejected[0]?.[1]).toContain('all-x-cables');
});

test('a bad row is named by its line, also after quoted line breaks, and the others go on', async () => {
  const { events, rejected } = await read(
    `${header}\nA1,"two\nlines",X,,1,,\nB2,short\n,no id,X,,1,,\nC3,costs,X,,much,,\nD4,fine,X,,1,,\n`,
  );
  expect(events.filter(([, { type }]) => type === 'product').map(([line, { sku }]) => [line, sku])).toEqual([
    [3, 'A1'],
    [7, 'D4'],
  ]);
  expect(rejected.map(([line]) => line)).toEqual([4, 5, 6]);
  expect(rejected[2]?.[1]).toBe('"much" is not an amount');
});

test('a column the file does not have is found before anything is read', async () => {
  await expect(read('id,title\nA,B\n')).rejects.toThrow(UsageError);
  await expect(read('id,title\nA,B\n')).rejects.toThrow('no column image, path');
});

test.each([
  [{ events: [] }, 'events'],
  [
    { events: [{ type: 'product', fields: { price: { colunm: 'x' } } }] },
    'events/0/fields/price: is no value',
  ],
  [{ events: [{ type: 'product', fields: { name: { column: 'x', match: '(' } } }] }, 'match'],
  [{ evnets: [] }, 'evnets'],
])('a wrong mapping is refused with the place: %j', (mapping, place) => {
  expect(() => mappingOf(mapping)).toThrow(UsageError);
  expect(() => mappingOf(mapping)).toThrow(place);
});

const catalogue = join(projectRoot, '../shared/data/amazon-in-catalogue.csv');

test.skipIf(!existsSync(catalogue))(
  'the worked example turns the Amazon catalogue into 1,351 products',
  async () => {
    const file = join(projectRoot, 'examples/amazon-in.mapping.json');
    const mapping = parseMapping(await readFile(file, 'utf8'), file);
    const rejected: string[] = [];
    const kinds = new Map<string, number>();
    const known = new Set<unknown>();
    const ids = new Set<unknown>();
    for await (const { text } of csvLines(createReadStream(catalogue), mapping, (_, message) =>
      rejected.push(message),
    )) {
      const event = JSON.parse(text.toString());
      kinds.set(event.type, (kinds.get(event.type) ?? 0) + 1);
      if (event.type === 'category') {
        expect(known.has(event.slug)).toBe(false);
        if (event.parent_slug) expect(known.has(event.parent_slug)).toBe(true);
        known.add(event.slug);
      }
      if (event.type !== 'product') continue;
      expect(known.has(event.category_slug)).toBe(true);
      expect(event.price).toMatch(/^\d{2,6}(\.\d{1,2})?$/);
      expect(event.discount_percent).toMatch(/^\d{1,2}$/);
      ids.add(event.product_id);
    }
    expect(rejected).toEqual([]);
    expect(Object.fromEntries(kinds)).toEqual({ category: 328, product: 1_351, image: 1_351 });
    expect(ids.size).toBe(1_351);
  },
);
