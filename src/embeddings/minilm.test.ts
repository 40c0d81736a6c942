import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, inject, test, vi } from 'vitest';
import { RetryableError } from '../errors.ts';
import { createMiniLm, miniLmName } from './minilm.ts';

const folder = inject('modelFolder');

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

describe.skipIf(folder === '')('all-MiniLM-L6-v2', () => {
  const model = createMiniLm(folder);
  afterAll(() => model.close());

  const rows = async (texts: string[]): Promise<Float32Array[]> => {
    const vectors = await model.embed(texts);
    expect(vectors).toHaveLength(texts.length * model.dim);
    return texts.map((_, row) => vectors.slice(row * model.dim, (row + 1) * model.dim));
  };

  test('gives the vectors that its authors publish', async () => {
    const [cat, kitten, stocks] = (await rows([
      'a cat sits on the mat',
      'a kitten rests on a rug',
      'stock markets fell sharply',
    ])) as [Float32Array, Float32Array, Float32Array];
    expect(model.model).toBe(miniLmName);
    expect(dot(cat, kitten)).toBeCloseTo(0.658, 2);
    expect(dot(cat, stocks)).toBeCloseTo(0.053, 2);
    expect(dot(cat, cat)).toBeCloseTo(1, 5);
  });

  test('answers in the order of the texts, whatever batches they went in', async () => {
    const texts = Array.from({ length: 90 }, (_, n) => `item ${n} ${'with a longer name '.repeat(n % 7)}`);
    const together = await rows(texts);
    for (const n of [0, 6, 41, 89]) {
      const [alone] = await rows([texts[n] as string]);
      expect(dot(alone as Float32Array, together[n] as Float32Array)).toBeGreaterThan(0.999);
    }
  });

  test('cuts a text at 256 tokens', async () => {
    // 300 words of one token each; the two that mark begin and end leave room for 254.
    const words = Array.from({ length: 300 }, (_, n) => (n % 2 ? 'cat' : 'dog'));
    const [whole, cut, shorter] = (await rows([
      words.join(' '),
      words.slice(0, 254).join(' '),
      words.slice(0, 100).join(' '),
    ])) as [Float32Array, Float32Array, Float32Array];
    expect(dot(whole, cut)).toBeGreaterThan(0.99999);
    expect(dot(whole, shorter)).toBeLessThan(0.9999);
  });

  test('takes any text: none, huge, other scripts, halves of characters', async () => {
    const vectors = await rows(['', '   ', 'x'.repeat(2_000_000), 'चार्जिंग केबल 🔌 充电线', '\ud83d', '\0']);
    for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1, 4);
  });

  test('an empty call has an empty answer', async () => {
    expect(await model.embed([])).toHaveLength(0);
  });

  test('a query overtakes a large call', async () => {
    const done: string[] = [];
    const large = model.embed(Array.from({ length: 200 }, (_, n) => `usb cable number ${n}`));
    const query = model.embed(['charger']);
    await Promise.all([large.then(() => done.push('large')), query.then(() => done.push('query'))]);
    expect(done).toEqual(['query', 'large']);
  });

  test('a thread that dies fails its calls for now, and the next call starts another', async () => {
    const started = vi.spyOn(Worker.prototype, 'postMessage');
    // More than are done before the thread hears that it is to die.
    const pending = model.embed(Array.from({ length: 2_000 }, () => 'lost'));
    const failed = expect(pending).rejects.toThrow(RetryableError);
    const thread = started.mock.contexts[0] as Worker;
    started.mockRestore();
    // By an error of its own: ended from outside amid onnxruntime's code, it would take the process along.
    thread.postMessage(null);
    await failed;
    await rows(['found']);
  });

  test('closed, it refuses what is under way and what comes', async () => {
    const closing = createMiniLm(folder);
    const pending = closing.embed(Array.from({ length: 2_000 }, () => 'a text'));
    const failed = expect(pending).rejects.toThrow(RetryableError);
    await closing.close();
    await failed;
    await expect(closing.embed(['more'])).rejects.toThrow(RetryableError);
  });
});
