import { expect, test } from 'vitest';
import { createRandom } from '../demo/random.ts';
import { inverseCholesky, symmetricEigen } from './symmetric.ts';

const size = 40;
/** BᵀB of a random B with fewer rows than columns when `rows` is small: then it has lost rank. */
const gram = (rows: number): Float32Array => {
  const random = createRandom(3, `gram-${rows}`);
  const b = Array.from({ length: rows * size }, () => random.normal());
  return Float32Array.from({ length: size * size }, (_, at) => {
    let sum = 0;
    for (let row = 0; row < rows; row += 1)
      sum += (b[row * size + Math.floor(at / size)] as number) * (b[row * size + (at % size)] as number);
    return sum;
  });
};

test.each([60, 25])('eigenvectors are orthonormal and rebuild the matrix (from %i rows)', (rows) => {
  const matrix = gram(rows);
  const { values, vectors } = symmetricEigen(matrix, size);
  const vector = (at: number) => vectors.subarray(at * size, (at + 1) * size);
  const dot = (one: Float64Array, other: Float64Array) =>
    one.reduce((sum, value, at) => sum + value * (other[at] as number), 0);
  for (let i = 0; i < size; i += 1) {
    if (i > 0) expect(values[i]).toBeLessThanOrEqual(values[i - 1] as number);
    for (let j = 0; j <= i; j += 1) expect(dot(vector(i), vector(j))).toBeCloseTo(i === j ? 1 : 0, 9);
  }
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      let sum = 0;
      for (let k = 0; k < size; k += 1)
        sum += (values[k] as number) * (vector(k)[i] as number) * (vector(k)[j] as number);
      expect(sum).toBeCloseTo(matrix[i * size + j] as number, 4);
    }
  }
});

test('a diagonal matrix and a single number are their own eigenvalues', () => {
  expect(Array.from(symmetricEigen(Float32Array.of(2, 0, 0, 5), 2).values)).toEqual([5, 2]);
  expect(Array.from(symmetricEigen(Float32Array.of(3), 1).values)).toEqual([3]);
});

test('what is not finite is refused', () => {
  expect(() => symmetricEigen(Float32Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow('not finite');
});

test('the inverse of the Cholesky factor makes the Gram matrix the identity', () => {
  const matrix = gram(60);
  const inverse = inverseCholesky(matrix, size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0;
      for (let k = 0; k < size; k += 1)
        for (let l = 0; l < size; l += 1)
          sum +=
            (inverse[k * size + i] as number) *
            (matrix[k * size + l] as number) *
            (inverse[l * size + j] as number);
      expect(sum).toBeCloseTo(i === j ? 1 : 0, 2);
    }
  }
});
