import { createRandom } from '../demo/random.ts';
import { withComputePool } from './compute-pool.ts';
import type { Dense, DenseProducts } from './dense.ts';
import type { Parameters } from './parameters.ts';
import { columnSums, power, rowSums, type Sparse, sharedFloats } from './sparse.ts';
import { inverseCholesky, symmetricEigen } from './symmetric.ts';

/** The leading right singular vectors of D_u^-β·R·D_i^-g. */
export interface Decomposition {
  /** Items × rank; columns are orthonormal, the strongest first. */
  vectors: Dense;
  /** Squares of the singular values. */
  squares: Float64Array;
  itemSums: Float64Array;
}

/** Columns beyond those asked for, so that the last of these come out well too. */
const oversampling = 32;
/** More passes change no list: what a recommender needs is the space, not its vectors to the last digit. */
const passes = 2;

interface DecomposeOptions {
  rank: number;
  userExponent: number;
  itemExponent: number;
  seed: number;
}

/**
 * Randomised block iteration (Halko, Martinsson, Tropp 2011, with the products AᵀA·Y of their subspace iteration), the
 * block made orthonormal by its Gram matrix between passes and turned into singular vectors by a small eigenproblem at the
 * end (Rayleigh and Ritz). Memory: three blocks of items × (rank + 32).
 */
export const decompose = async (
  matrix: Sparse,
  { rank, userExponent, itemExponent, seed }: DecomposeOptions,
  { threads, dense }: { threads: number; dense: DenseProducts },
): Promise<Decomposition> => {
  const itemSums = columnSums(matrix);
  const normalised = normalise(matrix, power(rowSums(matrix), -userExponent), power(itemSums, -itemExponent));
  const items = matrix.columns;
  const width = Math.max(1, Math.min(rank + oversampling, matrix.rows, items));
  const block = sharedFloats(items * width);
  const product = sharedFloats(items * width);
  const random = createRandom(seed, 'low-rank');
  // Any start that is not blind to a direction does; uniform is as good as normal and quicker.
  for (let at = 0; at < block.length; at += 1) block[at] = random.next() - 0.5;

  await withComputePool(threads, async (run) => {
    const task = { matrix: normalised, block, out: product, width };
    const multiply = () => run('gramTimes', task, width, Math.ceil(width / threads));
    for (let pass = 0; pass < passes; pass += 1) {
      await multiply();
      // Out of shared memory once, not for each product. Twice: the first round leaves what single precision could not
      // tell apart.
      const own = new Float32Array(product);
      block.set(await orthonormalise(await orthonormalise(own, items, width, dense), items, width, dense));
    }
    await multiply();
  });
  const basis = { rows: items, columns: width, values: new Float32Array(block) };
  const projected = await dense.multiply(basis, { ...basis, values: product }, { left: true });
  const { values, vectors } = symmetricEigen(symmetric(projected), width);
  // Directions that the matrix does not have are rounding.
  const floor = (values[0] ?? 0) * 1e-7;
  const kept = Math.min(rank, Math.max(1, values.findLastIndex((value) => value > floor) + 1));
  const rotation = {
    rows: kept,
    columns: width,
    values: Float32Array.from(vectors.subarray(0, kept * width)),
  };
  return {
    vectors: await dense.multiply(basis, rotation, { right: true }),
    squares: values.slice(0, kept).map((value) => Math.max(value, 0)),
    itemSums,
  };
};

const normalise = (matrix: Sparse, byUser: Float32Array, byItem: Float32Array): Sparse => {
  const values = sharedFloats(matrix.values.length);
  for (let user = 0; user < matrix.rows; user += 1) {
    for (let at = matrix.starts[user] as number; at < (matrix.starts[user + 1] as number); at += 1)
      values[at] =
        (matrix.values[at] as number) *
        (byUser[user] as number) *
        (byItem[matrix.indices[at] as number] as number);
  }
  return { ...matrix, values };
};

const orthonormalise = async (
  values: Float32Array,
  rows: number,
  columns: number,
  dense: DenseProducts,
): Promise<Float32Array> => {
  const block = { rows, columns, values };
  const gram = await dense.multiply(block, block, { left: true });
  const inverse = { rows: columns, columns, values: inverseCholesky(gram.values, columns) };
  return (await dense.multiply(block, inverse)).values;
};

/** The mean of both halves, which rounding leaves a little apart. */
const symmetric = ({ values, columns }: Dense): Float32Array =>
  values.map(
    (value, at) => (value + (values[(at % columns) * columns + Math.floor(at / columns)] as number)) / 2,
  );

/** What scores are computed from: (r·into·F)·Fᵀ. */
export interface LowRank {
  /**
   * Items × rank: singular vectors, each times the root of what its direction counts, and each item's row times what its
   * scores are multiplied by.
   */
  factors: Dense;
  /** By item, what a signal of it is multiplied by. */
  into: Float32Array;
}

/**
 * A linear filter on the spectrum of the signals: r·D^-g·V·w·Vᵀ·D^γ. With w = 1 it is the ideal low-pass filter of GF-CF
 * (Shen et al. 2021); with w = σ²/(σ² + λ) and what an item says about itself taken out (each score over 1 − h_j, h the
 * diagonal of V·w·Vᵀ), it is EASE (Steck 2019) cut to this rank, and EASE itself where the rank is full.
 */
export const lowRank = (
  { vectors, squares, itemSums }: Decomposition,
  { rank, itemExponent, scoreExponent, filter, excludeItself }: Parameters['lowRank'],
): LowRank => {
  const items = vectors.rows;
  const kept = Math.min(rank, vectors.columns);
  const lambda = filter * (squares[0] ?? 0);
  const factors = { rows: items, columns: kept, values: new Float32Array(items * kept) };
  const roots = Float64Array.from(squares.subarray(0, kept), (square) =>
    square > 0 ? Math.sqrt(square / (square + lambda)) : 0,
  );
  const into = power(itemSums, -itemExponent);
  const out = power(itemSums, scoreExponent);
  for (let item = 0; item < items; item += 1) {
    let itself = 0;
    for (let at = 0; at < kept; at += 1) {
      const value = (vectors.values[item * vectors.columns + at] as number) * (roots[at] as number);
      factors.values[item * kept + at] = value;
      itself += value * value;
    }
    // An item that only one user has can be nearly all of a direction: its score is not blown up without bound.
    const raise = (out[item] as number) / (excludeItself ? Math.max(1 - itself, 0.05) : 1);
    for (let at = item * kept; at < (item + 1) * kept; at += 1)
      factors.values[at] = (factors.values[at] as number) * raise;
    into[item] = raise === 0 ? 0 : (into[item] as number) / raise;
  }
  return { factors, into };
};
