import { expect, test } from 'vitest';
import { createLineSplitter, type Line } from './lines.ts';

const split = (input: Buffer, cuts: (at: number) => number, maxBytes = 1_000): Line[] => {
  const splitter = createLineSplitter(maxBytes);
  const lines: Line[] = [];
  for (let at = 0; at < input.length; ) {
    const size = cuts(at);
    // A chunk's memory may be used again after push, as zlib and sockets do.
    const chunk = Buffer.from(input.subarray(at, at + size));
    lines.push(...splitter.push(chunk));
    chunk.fill(0);
    at += size;
  }
  return [...lines, ...splitter.end()];
};

/** Deterministic, so that a failure can be run again. */
const random = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};

test('gives the same lines wherever the chunks are cut', () => {
  const text = ['{"a":"ünïcode 😀"}', '', 'नमस्ते\r', '\r', 'x'.repeat(300), 'last'].join('\n');
  const input = Buffer.from(text);
  const expected = [
    { number: 1, text: '{"a":"ünïcode 😀"}' },
    { number: 3, text: 'नमस्ते' },
    { number: 5, text: 'x'.repeat(300) },
    { number: 6, text: 'last' },
  ];
  for (let seed = 1; seed <= 500; seed += 1) {
    const next = random(seed);
    expect(
      split(input, () => 1 + Math.floor(next() * 40)),
      `seed ${seed}`,
    ).toEqual(expected);
  }
});

test('reports a line that is too long or not UTF-8 and goes on with the next', () => {
  const input = Buffer.concat([
    Buffer.from(`ok\n${'y'.repeat(2_000)}\n`),
    Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
    Buffer.from('ok again\n'),
    Buffer.from('z'.repeat(1_001)),
  ]);
  for (const size of [1, 7, 999, 10_000]) {
    expect(split(input, () => size)).toEqual([
      { number: 1, text: 'ok' },
      { number: 2, problem: 'is longer than 1000 bytes' },
      { number: 3, problem: 'is not valid UTF-8' },
      { number: 4, text: 'ok again' },
      { number: 5, problem: 'is longer than 1000 bytes' },
    ]);
  }
});
