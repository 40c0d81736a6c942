import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import faiss, { type Index } from 'faiss-node';
import { faissFileFault, faissHeadBytes } from './faiss-file.ts';
import type { Shard, StoredFile } from './manifest.ts';
import { type NpyType, npyHeader } from './npy.ts';

/** Thrown in the thread, and told to the caller as an `ArtifactRefusedError`. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly key: string;
  readonly why: string;
  constructor(key: string, why: string) {
    super(`${key}: ${why}`);
    this.key = key;
    this.why = why;
  }
}

/** A shard whose files were found whole, open for searching. */
export interface LoadedShard {
  shard: Shard;
  index: Index;
  /** The product's number of each row. */
  numbers: Uint32Array;
  dim: number;
  /** The `.npy`, kept open: its rows stay readable when the file is removed. */
  npy: number;
  npyOffset: number;
}

/** The file, open, if every byte is what the manifest says. Searches go on between the pieces that are read. */
const openVerified = async ({ key, bytes, sha256 }: StoredFile, path: string): Promise<number> => {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size !== bytes) throw new Refusal(key, `it has ${size} bytes, not ${bytes}`);
    const hash = createHash('sha256');
    const pieces = createReadStream('', { fd: file, autoClose: false, start: 0, highWaterMark: 256 << 10 });
    for await (const piece of pieces) hash.update(piece as Buffer);
    const found = hash.digest('hex');
    if (found !== sha256) throw new Refusal(key, `its SHA-256 is ${found}, not ${sha256}`);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
};

const readAt = (file: number, offset: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(file, buffer, 0, bytes, offset));
};

/** Where the values of a `.npy` begin. @throws Refusal when it holds anything but `shape` values of this type. */
const npyValues = (
  { key, bytes }: StoredFile,
  file: number,
  type: NpyType,
  shape: number[],
  rowBytes: number,
) => {
  const header = npyHeader(type, shape);
  if (!readAt(file, 0, header.length).equals(header)) {
    throw new Refusal(key, `it is not a .npy of the type ${type} and the shape ${shape.join(' × ')}`);
  }
  const expected = header.length + (shape[0] as number) * rowBytes;
  if (bytes !== expected)
    throw new Refusal(key, `it has ${bytes} bytes, and its header asks for ${expected}`);
  return header.length;
};

const openFaiss = async (shard: Shard, dim: number, path: string): Promise<Index> => {
  const { key } = shard.faiss;
  const file = await openVerified(shard.faiss, path);
  try {
    const fault = faissFileFault(readAt(file, 0, faissHeadBytes), { ...shard, dim });
    if (fault) throw new Refusal(key, fault);
  } finally {
    closeSync(file);
  }
  let index: Index;
  try {
    // Not fromBuffer(), which keeps a copy of the file for ever.
    index = faiss.Index.read(path);
  } catch (error) {
    throw new Refusal(key, `FAISS cannot read it: ${error instanceof Error ? error.message : error}`);
  }
  if (index.ntotal() !== shard.count || index.getDimension() !== dim) {
    throw new Refusal(key, `FAISS finds ${index.ntotal()} rows of ${index.getDimension()} dimensions in it`);
  }
  return index;
};

/**
 * Verify the files of a shard byte by byte, then load it.
 * @throws Refusal when one is not what the manifest says.
 */
export const loadShard = async (
  shard: Shard,
  dim: number,
  path: (key: string) => string,
): Promise<LoadedShard> => {
  const numbersFile = await openVerified(shard.numbers, path(shard.numbers.key));
  let numbers: Uint32Array;
  try {
    const offset = npyValues(shard.numbers, numbersFile, '<u4', [shard.count], 4);
    numbers = new Uint32Array(shard.count);
    readSync(numbersFile, new Uint8Array(numbers.buffer), 0, numbers.byteLength, offset);
  } finally {
    closeSync(numbersFile);
  }
  const npy = await openVerified(shard.npy, path(shard.npy.key));
  try {
    const npyOffset = npyValues(shard.npy, npy, '<f4', [shard.count, dim], dim * 4);
    const index = await openFaiss(shard, dim, path(shard.faiss.key));
    return { shard, index, numbers, dim, npy, npyOffset };
  } catch (error) {
    closeSync(npy);
    throw error;
  }
};

/** Read `into.length / dim` rows from `row` on. */
export const readRows = ({ npy, npyOffset, dim }: LoadedShard, row: number, into: Float32Array): void => {
  const target = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  const offset = npyOffset + row * dim * 4;
  for (let done = 0; done < target.length; ) {
    const read = readSync(npy, target, done, target.length - done, offset + done);
    if (read === 0) throw new Error('a .npy has become shorter since it was verified');
    done += read;
  }
};
