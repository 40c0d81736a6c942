import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { Model } from './model.ts';
import { parameters } from './parameters.ts';

/** Eight bytes that say what the file is, with the version of its layout. */
const magic = Buffer.from('zyramdl2');
/** Arrays begin at multiples of this, so that they can be used where they were read to. */
const alignment = 64;
const headBytes = 48;

const names = ['products', 'counts', 'items', 'strengths', 'factors', 'into'] as const;
const header = z.strictObject({
  parameters,
  itemCount: z.int().min(0),
  width: z.int().min(1),
  rank: z.int().min(0),
});

/** A model with what its items are: the product's number of each, which is the same everywhere. */
export interface StoredModel {
  model: Model;
  products: Uint32Array;
}

/** The file is not a whole model of this version. */
export class ModelRefusedError extends Error {
  override name = 'ModelRefusedError';
}

const lengths = ({ itemCount, width, rank }: z.output<typeof header>): number[] => [
  itemCount,
  itemCount,
  itemCount * width,
  itemCount * width,
  itemCount * rank,
  itemCount,
];
const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Bytes of a typed array, not copied. */
const bytesOf = (array: Uint32Array | Float32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/**
 * Write a model: magic, length of the JSON header, SHA-256 of all that follows, the header, then the arrays, little-endian
 * as the machine has them. Nobody may read the file before this resolves: the artifact store moves it when it is done.
 */
export const writeModel = async (path: string, { model, products }: StoredModel): Promise<void> => {
  const { local, lowRank } = model;
  const head = Buffer.from(
    JSON.stringify({
      parameters: model.parameters,
      itemCount: model.itemCount,
      width: local.width,
      rank: lowRank.factors.columns,
    } satisfies z.input<typeof header>),
  );
  const text = Buffer.alloc(aligned(headBytes + head.length) - headBytes, ' ');
  head.copy(text);
  const arrays = [products, local.counts, local.items, local.strengths, lowRank.factors.values, lowRank.into];
  const parts = [
    text,
    ...arrays.flatMap((array) => [
      bytesOf(array),
      new Uint8Array(aligned(array.byteLength) - array.byteLength),
    ]),
  ];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  const first = Buffer.alloc(headBytes);
  magic.copy(first);
  first.writeUInt32LE(text.length, 8);
  hash.digest().copy(first, 16);

  const file = await open(path, 'wx');
  try {
    for (const part of [first, ...parts]) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
};

/**
 * Read a model. The arrays are views of the one buffer the file was read to.
 * @throws ModelRefusedError when the file is corrupt, truncated or of another version.
 */
export const readModel = async (path: string): Promise<StoredModel> => {
  const file = await open(path, 'r');
  let buffer: ArrayBuffer;
  try {
    const { size } = await file.stat();
    buffer = new ArrayBuffer(size);
    const bytes = new Uint8Array(buffer);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 1 << 28), at);
      if (bytesRead === 0) throw new ModelRefusedError(`${path} became shorter while it was read`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  const bytes = Buffer.from(buffer);
  if (bytes.length < headBytes || !bytes.subarray(0, 8).equals(magic))
    throw new ModelRefusedError(`${path} is not a model of this version`);
  const digest = createHash('sha256').update(bytes.subarray(headBytes)).digest();
  if (!digest.equals(bytes.subarray(16, headBytes)))
    throw new ModelRefusedError(`${path} does not match its checksum`);

  const start = headBytes + bytes.readUInt32LE(8);
  const head = header.safeParse(JSON.parse(bytes.toString('utf8', headBytes, start)));
  if (!head.success) throw new ModelRefusedError(`${path} has another header`, { cause: head.error });
  const { itemCount, width, rank } = head.data;
  const starts: Record<string, [at: number, length: number]> = {};
  let at = start;
  for (const [place, length] of lengths(head.data).entries()) {
    starts[names[place] as string] = [at, length];
    at += aligned(length * 4);
  }
  if (at !== bytes.length) throw new ModelRefusedError(`${path} has another length than its header says`);
  const integers = (name: (typeof names)[number]) =>
    new Uint32Array(buffer, ...(starts[name] as [number, number]));
  const floats = (name: (typeof names)[number]) =>
    new Float32Array(buffer, ...(starts[name] as [number, number]));
  return {
    products: integers('products'),
    model: {
      parameters: head.data.parameters,
      itemCount,
      local: { width, counts: integers('counts'), items: integers('items'), strengths: floats('strengths') },
      lowRank: {
        factors: { rows: itemCount, columns: rank, values: floats('factors') },
        into: floats('into'),
      },
    },
  };
};
