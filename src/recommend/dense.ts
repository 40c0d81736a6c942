import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A dense matrix, row after row. */
export interface Dense {
  rows: number;
  columns: number;
  values: Float32Array;
}

interface Transposed {
  left?: boolean;
  right?: boolean;
}

// Protocol buffers, as far as a graph of one node needs them: field tags, variable-length integers, nested messages.
const number = (field: number, value: number): number[] => [field << 3, value];
const bytes = (field: number, content: readonly number[]): number[] => [
  (field << 3) | 2,
  content.length,
  ...content,
];
const text = (field: number, value: string): number[] => bytes(field, [...Buffer.from(value)]);

/** ONNX's ValueInfoProto: a float matrix with two open dimensions. */
const matrix = (field: number, name: string, dims: readonly [string, string]): number[] => {
  const shape = dims.flatMap((dim) => bytes(1, text(2, dim)));
  return bytes(field, [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, shape)]))]);
};

/** AttributeProto: the name, the integer 1, and (field 20, whose tag takes two bytes) that it is an integer. */
const flag = (name: string): number[] => bytes(5, [...text(1, name), ...number(3, 1), 0xa0, 0x01, 2]);

/** A model (IR 8, opset 13) of the one operator Gemm: `Y = A·B`, each factor transposed where asked. */
const gemmModel = ({ left, right }: Transposed): Uint8Array => {
  const node = [
    ...text(1, 'A'),
    ...text(1, 'B'),
    ...text(2, 'Y'),
    ...text(4, 'Gemm'),
    ...(left ? flag('transA') : []),
    ...(right ? flag('transB') : []),
  ];
  const graph = [
    ...bytes(1, node),
    ...text(2, 'g'),
    ...matrix(11, 'A', ['a', 'b']),
    ...matrix(11, 'B', ['c', 'd']),
    ...matrix(12, 'Y', ['e', 'f']),
  ];
  // The length of the graph may pass 127, so it is written in two bytes.
  const framed = [(7 << 3) | 2, (graph.length & 127) | 128, graph.length >> 7, ...graph];
  return Uint8Array.from([...number(1, 8), ...framed, ...bytes(8, number(2, 13))]);
};

export interface DenseProducts {
  /** `left · right`, either of them transposed where asked. Matrices in shared memory are copied first. */
  multiply(left: Dense, right: Dense, transposed?: Transposed): Promise<Dense>;
  close(): Promise<void>;
}

/**
 * Matrix products in ONNX Runtime, some two hundred times faster than loops over typed arrays.
 * Single precision: sums over a hundred thousand rows are good to about four digits.
 */
export const createDenseProducts = async (threads: number): Promise<DenseProducts> => {
  const sessions = new Map<string, Promise<InferenceSession>>();
  const session = (transposed: Transposed): Promise<InferenceSession> => {
    const name = `${transposed.left ?? false}/${transposed.right ?? false}`;
    const open =
      sessions.get(name) ??
      InferenceSession.create(gemmModel(transposed), {
        intraOpNumThreads: threads,
        // An arena would keep the largest product for ever.
        enableCpuMemArena: false,
        enableMemPattern: false,
        // Between two products its threads would otherwise wait in a loop, on cores that others need.
        extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
      });
    sessions.set(name, open);
    return open;
  };
  // The runtime takes no shared memory, so that is copied.
  const tensor = ({ rows, columns, values }: Dense) =>
    new Tensor('float32', values.buffer instanceof SharedArrayBuffer ? new Float32Array(values) : values, [
      rows,
      columns,
    ]);

  return {
    multiply: async (left, right, transposed = {}) => {
      const { Y } = await (await session(transposed)).run({ A: tensor(left), B: tensor(right) });
      if (!Y) throw new Error('Gemm gave no result');
      const [rows = 0, columns = 0] = Y.dims;
      return { rows, columns, values: Y.data as Float32Array };
    },
    close: async () => {
      for (const open of sessions.values()) await (await open).release();
    },
  };
};
