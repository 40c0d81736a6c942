import { InferenceSession, Tensor } from 'onnxruntime-node';
import { onnxModel } from '../onnx-graph.ts';

/** The rows of `b` nearest to each row of `a`, best first: `k` scores and row numbers per row of `a`. */
export interface Nearest {
  scores: Float32Array;
  rows: Int32Array;
}

/** `TopK(a · bᵀ)`: onnxruntime does dense products on all cores some hundred times faster than JavaScript. */
const model = () =>
  onnxModel({
    nodes: [
      { type: 'Gemm', inputs: ['a', 'b'], outputs: ['products'], attributes: { transB: 1 } },
      { type: 'TopK', inputs: ['products', 'k'], outputs: ['scores', 'rows'] },
    ],
    inputs: [
      { name: 'a', type: 'float32', dims: ['n', 'dim'] },
      { name: 'b', type: 'float32', dims: ['m', 'dim'] },
      { name: 'k', type: 'int64', dims: ['one'] },
    ],
    outputs: [
      { name: 'scores', type: 'float32', dims: ['n', 'k'] },
      { name: 'rows', type: 'int64', dims: ['n', 'k'] },
    ],
  });

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
