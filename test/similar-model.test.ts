import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { trainModel } from '../jobs/train-model.ts';
import { defaultParameters } from '../src/recommend/parameters.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { seeded } from './support/random-shop.ts';
import { setup } from './support/setup.ts';

const kinds = ['red wool scarf', 'steel kitchen knife', 'usb charging cable', 'rubber garden hose'];
const each = 30;

interface Item {
  product_id: string;
  score: number;
  source: string;
}

test('what many buy together is similar once there is a model, and an edit is still followed', {
  timeout: 120_000,
}, async () => {
  const system = await setup();
  const { producer, db } = system;
  const { url, keys } = await system.startApi();
  system.startWorkers();
  const client = createClient(url, keys.admin);
  const products = kinds.flatMap((name) => Array.from({ length: each }, () => ({ id: uuidv7(), name })));
  await client.ndjson(
    products.map(({ id, name }, nth) => ({
      type: 'product',
      product_id: id,
      name: `${name} ${nth}`,
      price: '9.90',
    })),
  );
  const [scarf = '', other = '', knife = ''] = [0, 1, each].map((nth) => products[nth]?.id);
  const similar = async (id: string) => {
    const answer = await client.get(`/v1/products/${id}/similar?k=100`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json.items as Item[];
  };
  const place = async (id: string, wanted: string) =>
    (await similar(id)).findIndex(({ product_id }) => product_id === wanted);

  const random = seeded(3);
  const buyers = Array.from({ length: 80 }, (_, nth) => {
    const pair = nth % 2 === 0 ? [scarf, knife] : [other, scarf];
    // What a robot or a clumsy visitor adds says nothing.
    return [...pair, ...Array.from({ length: 2 }, () => products[random.below(products.length)]?.id ?? '')];
  });
  await client.post(
    '/v1/purchases',
    buyers.map((bought) => ({
      user_id: uuidv7(),
      items: [...new Set(bought)].map((product_id) => ({ product_id, unit_price: '9.90' })),
    })),
  );
  await drain(system);
  expect(await place(scarf, knife)).toBeGreaterThanOrEqual(each - 1);
  expect((await similar(scarf)).every(({ source }) => source === 'content')).toBe(true);

  await producer.enqueue(trainModel, { parameters: { ...defaultParameters } });
  await eventually(async () => {
    expect(await db`select from models where state = 'serving'`).toHaveLength(1);
  }, 60_000);
  await drain(system);
  for (const [one, two] of [
    [scarf, knife],
    [knife, scarf],
  ] as const) {
    const items = await similar(one);
    const at = items.findIndex(({ product_id }) => product_id === two);
    // Alike by next to nothing, among thirty that are alike by nearly all.
    expect(at).toBeLessThan(5);
    expect(items[at]?.source).not.toBe('content');
    expect(items.map(({ score }) => score)).toEqual(items.map(({ score }) => score).sort((a, b) => b - a));
  }
  expect((await similar(scarf))[0]).toMatchObject({ product_id: other, source: 'hybrid' });

  // The knife becomes a hose: near the hoses at once, and still beside the scarf.
  await client.patch(`/v1/products/${knife}`, { name: 'rubber garden hose for knives' });
  const hoses = products.slice(3 * each).map(({ id }) => id);
  const nearTo = async (id: string) =>
    (await similar(id)).filter(({ source }) => source === 'content').map(({ product_id }) => product_id);
  const knives = new Set(products.slice(each, 2 * each).map(({ id }) => id));
  await eventually(async () => {
    expect(hoses).toContain((await nearTo(knife))[0]);
    // Of all knives, of which some are on the list for want of anything better, the one that is a hose now comes first.
    expect((await nearTo(hoses[0] ?? '')).find((id) => knives.has(id))).toBe(knife);
  }, 5_000);
  expect(await place(scarf, knife)).toBeLessThan(5);
});
