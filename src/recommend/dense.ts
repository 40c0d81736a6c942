import { InferenceSession, Tensor } from 'onnxruntime-node';
import { onnxModel } from '../onnx-graph.ts';

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

/** `Y = A·B`, each factor transposed where asked, and B part of the model where it is given. */
const gemmModel = ({ left, right }: Transposed, constant?: Dense): Uint8Array =>
  onnxModel({
    nodes: [
      {
        type: 'Gemm',
        inputs: ['A', 'B'],
        outputs: ['Y'],
        attributes: { ...(left && { transA: 1 }), ...(right && { transB: 1 }) },
      },
    ],
    inputs: [
      { name: 'A', type: 'float32', dims: ['a', 'b'] },
      ...(constant ? [] : [{ name: 'B', type: 'float32', dims: ['c', 'd'] } as const]),
    ],
    outputs: [{ name: 'Y', type: 'float32', dims: ['e', 'f'] }],
    ...(constant && {
      constants: [{ name: 'B', dims: [constant.rows, constant.columns], values: constant.values }],
    }),
  });

export interface DenseProducts {
  /**
   * `left · right`, either of them transposed where asked. Matrices in shared memory are copied first. The product is put
   * into `room` where that is large enough: new memory for a large one costs a quarter of the time.
   */
  multiply(left: Dense, right: Dense, how?: Transposed & { room?: Float32Array | undefined }): Promise<Dense>;
  /**
   * Products `left · rightᵀ` with these very right factors follow: they are laid out for them once, in memory as large as
   * they are. Their values may not change. Whatever was kept before is forgotten.
   */
  keep(rights: readonly Dense[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Matrix products in ONNX Runtime, some two hundred times faster than loops over typed arrays.
 * Single precision: sums over a hundred thousand rows are good to about four digits.
 */
export const createDenseProducts = async (threads: number): Promise<DenseProducts> => {
  const open = (transposed: Transposed, constant?: Dense) =>
    InferenceSession.create(gemmModel(transposed, constant), {
      intraOpNumThreads: threads,
      // An arena would keep the largest product for ever.
      enableCpuMemArena: false,
      enableMemPattern: false,
      // Between two products its threads would otherwise wait in a loop, on cores that others need.
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
  const sessions = new Map<string, Promise<InferenceSession>>();
  let kept = new Map<Dense, InferenceSession>();
  const forget = async (): Promise<void> => {
    const forgotten = [...kept.values()];
    kept = new Map();
    for (const session of forgotten) await session.release();
  };

  const sessionFor = (transposed: Transposed): Promise<InferenceSession> => {
    const name = `${transposed.left ?? false}/${transposed.right ?? false}`;
    const session = sessions.get(name) ?? open(transposed);
    sessions.set(name, session);
    return session;
  };
  // The runtime takes no shared memory, so that is copied.
  const tensor = ({ rows, columns, values }: Dense) =>
    new Tensor('float32', values.buffer instanceof SharedArrayBuffer ? new Float32Array(values) : values, [
      rows,
      columns,
    ]);

  return {
    multiply: async (left, right, { room, ...transposed } = {}) => {
      const rows = transposed.left ? left.columns : left.rows;
      const columns = transposed.right ? right.rows : right.columns;
      const length = rows * columns;
      const known = transposed.right && !transposed.left ? kept.get(right) : undefined;
      const session = known ?? (await sessionFor(transposed));
      const feeds = { A: tensor(left), ...(!known && { B: tensor(right) }) };
      const { Y } = await (room && room.length >= length
        ? session.run(feeds, { Y: new Tensor('float32', room.subarray(0, length), [rows, columns]) })
        : session.run(feeds));
      if (!Y) throw new Error('Gemm gave no result');
      return { rows, columns, values: Y.data as Float32Array };
    },
    keep: async (rights) => {
      const opened = new Map<Dense, InferenceSession>();
      for (const right of rights) opened.set(right, await open({ right: true }, right));
      await forget();
      kept = opened;
    },
    close: async () => {
      for (const session of sessions.values()) await (await session).release();
      await forget();
    },
  };
};
