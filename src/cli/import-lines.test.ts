import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { UsageError } from './failure.ts';
import { waitedFor } from './import.ts';
import { chunked, ndjsonLines, openSource, type SourceLine } from './import-lines.ts';

const collect = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of source) found.push(item);
  return found;
};

const lines = async (pieces: Buffer[]) =>
  (await collect(ndjsonLines(Readable.from(pieces)))).map(({ line, text }) => [line, text.toString()]);

test('lines keep their number in the file wherever the pieces are cut, and blank ones are left out', async () => {
  const text = Buffer.from('\uFEFF{"a":"é\u2028ü"}\r\n\n \t\r\n{"b":"日本"}\n{"c":1}');
  const expected = [
    [1, '{"a":"é\u2028ü"}\r'],
    [4, '{"b":"日本"}'],
    [5, '{"c":1}'],
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.subarray(i * size, (i + 1) * size),
    );
    expect(await lines(pieces)).toEqual(expected);
  }
});

test('what has no line ends is not read into memory', async () => {
  const endless = Array.from({ length: 10 }, () => Buffer.alloc(1024 * 1024, 'x'));
  await expect(lines(endless)).rejects.toThrow('is this NDJSON?');
});

const numbered = (count: number, width = 10): SourceLine[] =>
  Array.from({ length: count }, (_, i) => ({
    line: i * 2 + 1,
    text: Buffer.from(String(i).padStart(width, '0')),
  }));

const chunks = (source: SourceLine[]) => collect(chunked(Readable.from(source)));

test('pieces are bounded in lines and bytes, and hold every line once, in order', async () => {
  const source = numbered(12_001);
  const found = await chunks(source);
  expect(found.map((chunk) => chunk.lines.length)).toEqual([5_000, 5_000, 2_001]);
  expect(found.flatMap((chunk) => chunk.lines)).toEqual(source.map(({ line }) => line));
  expect(found.map(({ body }) => body.toString()).join('')).toBe(
    source.map(({ text }) => `${text}\n`).join(''),
  );

  const wide = await chunks(numbered(20, 1024 * 1024));
  expect(wide.map((chunk) => chunk.lines.length)).toEqual([4, 4, 4, 4, 4]);
});

test('the same beginning gives the same keys; another place or another content gives others', async () => {
  const keysOf = async (source: SourceLine[]) => (await chunks(source)).map((chunk) => chunk.idempotencyKey);
  const keys = await keysOf(numbered(12_000));
  expect(await keysOf(numbered(12_000))).toEqual(keys);
  expect((await keysOf(numbered(20_000))).slice(0, 2)).toEqual(keys.slice(0, 2));

  const equal = await keysOf(
    Array.from({ length: 10_000 }, (_, line) => ({ line, text: Buffer.from('{}') })),
  );
  expect(new Set(equal).size).toBe(2);

  const changed = numbered(12_000);
  changed[3] = { line: 7, text: Buffer.from('changed') };
  expect((await keysOf(changed)).filter((key) => keys.includes(key))).toEqual([]);
  for (const key of keys) expect(key).toMatch(/^[\x20-\x7e]{1,255}$/);
});

test('gzip is told by its content, an empty file is no event, a cut archive is an error', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-lines-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = async (name: string, content: Buffer) => {
    await writeFile(join(dir, name), content);
    return openSource(join(dir, name));
  };
  const text = Array.from({ length: 50_000 }, (_, i) => `{"n":${i}}\n`).join('');
  const packed = gzipSync(text);
  for (const content of [Buffer.from(text), packed, Buffer.concat([packed, gzipSync('{"n":"more"}\n')])]) {
    const source = await file('some.log', content);
    const found = await collect(ndjsonLines(source.content));
    expect(found.length).toBe(content.length > packed.length && content[0] === 0x1f ? 50_001 : 50_000);
    expect(source.bytesRead()).toBe(content.length);
    expect(source.bytes).toBe(content.length);
  }
  expect(await collect(ndjsonLines((await file('empty', Buffer.alloc(0))).content))).toEqual([]);
  const cut = await file('cut.gz', packed.subarray(0, packed.length >> 1));
  await expect(collect(ndjsonLines(cut.content))).rejects.toThrow('unexpected end of file');
  await expect(openSource(join(dir, 'missing'))).rejects.toThrow(UsageError);
});

test('whoever waits is told what for', () => {
  const queues = [{ waiting: 2, active: 1, delayed: 0 }];
  expect(waitedFor({ idle: false, queues })).toBe('3 jobs to go');
  expect(waitedFor({ idle: false, training: true, training_due: true, queues })).toBe(
    '3 jobs to go, a model is being trained',
  );
  expect(waitedFor({ idle: false, training: false, training_due: true, queues: [] })).toBe(
    '0 jobs to go, a model is about to be trained of what came',
  );
});
