import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { dim, manifestOf, randomVectors, setUpVectors, shardRows } from '../../test/support/vectors.ts';
import type { Manifest, Shard, StoredFile } from './manifest.ts';
import { npyHeader } from './npy.ts';
import { ArtifactRefusedError } from './vector-index.ts';

type Name = 'faiss' | 'npy' | 'numbers';
type Change = (bytes: Buffer) => Buffer;
interface Corruption {
  name: Name;
  change: Change;
  /** The manifest knows the changed file: made by something else, not damaged on the way. */
  signed?: boolean;
  manifest?: Partial<Manifest>;
}

const names: Name[] = ['faiss', 'npy', 'numbers'];
const flip =
  (part: number, bit: number): Change =>
  (bytes) => {
    const at = Math.floor((bytes.length - 1) * part);
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    return bytes;
  };
const patch =
  (at: number, value: number): Change =>
  (bytes) => {
    bytes.writeInt32LE(value, at);
    return bytes;
  };
const reshaped =
  (shape: number[]): Change =>
  (bytes) =>
    Buffer.concat([npyHeader('<f4', shape), bytes.subarray(128)]);

const damaged: Corruption[] = names.flatMap((name) => [
  ...[0, 0.03, 0.2, 0.5, 0.8, 0.97, 1].map((part, bit) => ({ name, change: flip(part, bit) })),
  ...[0, 1, 40, 0.5, -1].map((keep) => ({
    name,
    change: (bytes: Buffer) => bytes.subarray(0, keep > 0 && keep < 1 ? bytes.length * keep : keep),
  })),
  { name, change: (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(4)]) },
]);

const foreign: Corruption[] = [
  { name: 'faiss', signed: true, change: patch(4, dim * 2) },
  { name: 'faiss', signed: true, change: patch(8, 299) },
  // Euclidean, and untrained.
  { name: 'faiss', signed: true, change: patch(33, 1) },
  { name: 'faiss', signed: true, change: patch(32, 0) },
  { name: 'faiss', signed: true, change: (bytes) => Buffer.concat([Buffer.from('IHNf'), bytes.subarray(4)]) },
  { name: 'faiss', signed: true, change: patch(37, 1) },
  { name: 'faiss', signed: true, change: () => Buffer.from('<html>404 Not Found</html>'.repeat(9)) },
  { name: 'npy', signed: true, change: reshaped([300 * 2, dim / 2]) },
  { name: 'npy', signed: true, change: reshaped([299, dim]) },
  {
    name: 'npy',
    signed: true,
    change: (bytes) => Buffer.from(bytes.toString('latin1').replace('<f4', '<i4'), 'latin1'),
  },
  { name: 'numbers', signed: true, change: () => Buffer.from('PK\x03\x04 something else') },
];

const corruptions = [...damaged, ...foreign];

test(`${corruptions.length} corrupted artifacts are refused by name, and the generation before goes on answering`, async () => {
  expect(corruptions.length).toBeGreaterThanOrEqual(50);
  const { index, builder, store } = await setUpVectors();
  const vectors = randomVectors(300, 11);
  const served = manifestOf([await builder.build('index/served', shardRows(vectors))]);
  const whole = await builder.build('index/whole', shardRows(randomVectors(300, 12), 1000));
  await index.open(served);

  for (const [at, { name, change, signed }] of corruptions.entries()) {
    const bytes = change(await readFile(await store.file(whole[name].key)));
    const key = `index/corrupt-${at}.${name}`;
    await store.put(key, { bytes });
    const file: StoredFile = signed
      ? { key, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
      : { ...whole[name], key };
    const shard: Shard = { ...whole, [name]: file };
    const refusal = await index.open(manifestOf([shard], { generation: 2 })).catch((error: unknown) => error);
    expect(refusal, `corruption ${at}`).toBeInstanceOf(ArtifactRefusedError);
    expect((refusal as ArtifactRefusedError).key).toBe(key);
    expect((refusal as ArtifactRefusedError).message).toContain(`${key} was refused: `);
    expect(index.manifest).toEqual(served);
    const [hits] = await index.search(vectors.subarray(0, dim), { k: 1 });
    expect(hits?.numbers[0]).toBe(0);
  }

  // What was refused were the changes: the file itself is taken.
  await index.open(manifestOf([whole], { generation: 2 }));
  expect((await index.search(vectors, { k: 1 })).every(({ numbers }) => (numbers[0] as number) >= 1000)).toBe(
    true,
  );
});

test('an index of another model, dim or size than its manifest says is refused', async () => {
  const { index, builder } = await setUpVectors();
  const shard = await builder.build('index/a', shardRows(randomVectors(300, 13)));
  const other = await builder.build('index/b', shardRows(randomVectors(300, 14)));
  const wrong = [
    manifestOf([shard], { dim: 64 }),
    manifestOf([{ ...shard, count: 200 }]),
    manifestOf([{ ...shard, type: 'ivf', lists: 10, probes: 1 }]),
    // Another model's vectors under this one's name: its manifest has other checksums.
    manifestOf([{ ...shard, faiss: { ...shard.faiss, key: other.faiss.key } }]),
  ];
  for (const manifest of wrong) await expect(index.open(manifest)).rejects.toThrow(ArtifactRefusedError);
  expect(index.manifest).toBeUndefined();
});
