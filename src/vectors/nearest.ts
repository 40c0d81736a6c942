import { InferenceSession, Tensor } from 'onnxruntime-node';

/** The rows of `b` nearest to each row of `a`, best first: `k` scores and row numbers per row of `a`. */
export interface Nearest {
  scores: Float32Array;
  rows: Int32Array;
}

// A model in ONNX's protobuf, as far as it takes: field number and wire type, then a varint or a length and bytes.
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
const number = (field: number, value: number): number[] => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, content: readonly number[]): number[] => [
  (field << 3) | 2,
  ...varint(content.length),
  ...content,
];
const text = (field: number, content: string): number[] => bytes(field, [...Buffer.from(content)]);

const float32 = 1;
const int64 = 7;
const attribute = (name: string, value: number) =>
  bytes(5, [...text(1, name), ...number(3, value), ...number(20, 2)]);
const node = (type: string, inputs: string[], outputs: string[], attributes: number[] = []) =>
  bytes(1, [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, type),
    ...attributes,
  ]);
const value = (field: number, name: string, type: number, dims: string[]) => {
  const shape = bytes(
    2,
    dims.flatMap((dim) => bytes(1, text(2, dim))),
  );
  return bytes(field, [...text(1, name), ...bytes(2, bytes(1, [...number(1, type), ...shape]))]);
};

/** `TopK(a · bᵀ)`: onnxruntime does dense products on all cores some hundred times faster than JavaScript. */
const model = () =>
  Uint8Array.from([
    ...number(1, 8),
    ...bytes(8, [...text(1, ''), ...number(2, 17)]),
    ...bytes(7, [
      ...node('Gemm', ['a', 'b'], ['products'], attribute('transB', 1)),
      ...node('TopK', ['products', 'k'], ['scores', 'rows']),
      ...text(2, 'nearest'),
      ...value(11, 'a', float32, ['n', 'dim']),
      ...value(11, 'b', float32, ['m', 'dim']),
      ...value(11, 'k', int64, ['one']),
      ...value(12, 'scores', float32, ['n', 'k']),
      ...value(12, 'rows', int64, ['n', 'k']),
    ]),
  ]);

export interface NearestSearch {
  /** Exact, by inner product; equal scores in the order of their rows. `n × m` scores lie in memory meanwhile. */
  nearest(a: Float32Array, b: Float32Array, dim: number, k: number): Promise<Nearest>;
  close(): Promise<void>;
}

/** Exact nearest rows by dense products. */
export const createNearestSearch = async (): Promise<NearestSearch> => {
  const session = await InferenceSession.create(model(), { logSeverityLevel: 3 });
  return {
    nearest: async (a, b, dim, k) => {
      const found = await session.run({
        a: new Tensor('float32', a, [a.length / dim, dim]),
        b: new Tensor('float32', b, [b.length / dim, dim]),
        k: new Tensor('int64', BigInt64Array.of(BigInt(k)), [1]),
      });
      const wide = found.rows?.data as BigInt64Array;
      // Row numbers are small: the low half of each little-endian int64 is the number.
      const rows = new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2).filter(
        (_, at) => at % 2 === 0,
      );
      return { scores: found.scores?.data as Float32Array, rows };
    },
    close: () => session.release(),
  };
};
