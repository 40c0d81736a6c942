// The layout of FAISS's own index files (write_index, the same since 1.5), little endian. Written by hand because
// adding through faiss-node copies number by number, some thirty times slower.

const headerBytes = 37;
const innerProduct = 0;

/** Every index begins with it: kind, dim, rows, two unused numbers, "trained", metric. */
const indexHeader = (kind: string, dim: number, count: number): Buffer => {
  const header = Buffer.alloc(headerBytes);
  header.write(kind, 0, 'latin1');
  header.writeInt32LE(dim, 4);
  header.writeBigInt64LE(BigInt(count), 8);
  header.writeBigInt64LE(1n << 20n, 16);
  header.writeBigInt64LE(1n << 20n, 24);
  header.writeUInt8(1, 32);
  header.writeInt32LE(innerProduct, 33);
  return header;
};

const sizes = (...values: number[]): BigUint64Array => BigUint64Array.from(values, BigInt);

/** An exact inner-product index (IndexFlatIP) of these vectors, in pieces. */
export function* flatFile(dim: number, vectors: Float32Array): Generator<ArrayBufferView> {
  yield indexHeader('IxFI', dim, vectors.length / dim);
  yield sizes(vectors.length);
  yield vectors;
}

export interface InvertedLists {
  /** One row of `dim` floats per list. */
  centroids: Float32Array;
  /** How many lists a search looks into. FAISS has it in the file, and faiss-node cannot change it later. */
  probes: number;
  /** The list of each row. */
  listOf: Int32Array;
}

/** An inverted-file index (IndexIVFFlat by inner product) of these vectors; ids are row numbers. */
export function* ivfFile(dim: number, vectors: Float32Array, ivf: InvertedLists): Generator<ArrayBufferView> {
  const lists = ivf.centroids.length / dim;
  const rowsByList: number[][] = Array.from({ length: lists }, () => []);
  for (const [row, list] of ivf.listOf.entries()) rowsByList[list]?.push(row);

  yield indexHeader('IwFl', dim, vectors.length / dim);
  yield sizes(lists, ivf.probes);
  yield* flatFile(dim, ivf.centroids);
  yield Buffer.alloc(9); // no map from ids to lists, of length 0
  yield Buffer.from('ilar');
  yield sizes(lists, dim * Float32Array.BYTES_PER_ELEMENT);
  yield Buffer.from('full');
  yield sizes(lists, ...rowsByList.map((rows) => rows.length));
  for (const rows of rowsByList) {
    const codes = new Float32Array(rows.length * dim);
    for (const [at, row] of rows.entries()) codes.set(vectors.subarray(row * dim, (row + 1) * dim), at * dim);
    yield codes;
    yield sizes(...rows);
  }
}

/** How many bytes at the start of a file `faissFileFault` reads. */
export const faissHeadBytes = headerBytes + 16;

/** Why the file is not the index that its manifest describes, or undefined when its head says that it is. */
export const faissFileFault = (
  head: Buffer,
  said: {
    type: 'flat' | 'ivf';
    dim: number;
    count: number;
    lists?: number | undefined;
    probes?: number | undefined;
  },
): string | undefined => {
  if (head.length < faissHeadBytes) return 'it is too short for an index';
  const kind = head.toString('latin1', 0, 4);
  const expected = said.type === 'flat' ? 'IxFI' : 'IwFl';
  if (kind !== expected) return `it is of the kind ${JSON.stringify(kind)}, not ${expected}`;
  const dim = head.readInt32LE(4);
  if (dim !== said.dim) return `its vectors have ${dim} dimensions, not ${said.dim}`;
  const count = head.readBigInt64LE(8);
  if (count !== BigInt(said.count)) return `it has ${count} rows, not ${said.count}`;
  if (head.readUInt8(32) !== 1) return 'it is not trained';
  if (head.readInt32LE(33) !== innerProduct) return 'its metric is not the inner product';
  const [first, second] = [head.readBigUInt64LE(37), head.readBigUInt64LE(45)];
  if (said.type === 'flat') {
    return first === BigInt(said.count * said.dim) ? undefined : `it holds ${first} numbers`;
  }
  if (first !== BigInt(said.lists ?? 0)) return `it has ${first} lists, not ${said.lists}`;
  return second === BigInt(said.probes ?? 0)
    ? undefined
    : `it looks into ${second} lists, not ${said.probes}`;
};
