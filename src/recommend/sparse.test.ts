import { expect, test } from 'vitest';
import { columnSums, fromTriples, power, rowSums, type Sparse, sliceRows, transpose } from './sparse.ts';

const cells = ({ rows, starts, indices, values }: Sparse) =>
  Array.from({ length: rows }, (_, row) => {
    const range = [starts[row] as number, starts[row + 1] as number] as const;
    return Object.fromEntries(
      Array.from(indices.subarray(...range), (column, at) => [column, values[range[0] + at]]),
    );
  });

const matrix = fromTriples(
  { rows: 4, columns: 3 },
  Uint32Array.of(3, 0, 3, 0, 1, 3),
  Uint32Array.of(2, 1, 0, 0, 2, 2),
  Float32Array.of(1, 2, 3, 4, 5, 6),
);

test('a matrix holds its entries by row and column, those of one cell added up', () => {
  expect(cells(matrix)).toEqual([{ 0: 4, 1: 2 }, { 2: 5 }, {}, { 0: 3, 2: 7 }]);
  expect(Array.from(matrix.indices)).toEqual([0, 1, 2, 0, 2]);
});

test('transposing puts rows for columns, and back', () => {
  expect(cells(transpose(matrix))).toEqual([{ 0: 4, 3: 3 }, { 0: 2 }, { 1: 5, 3: 7 }]);
  expect(cells(transpose(transpose(matrix)))).toEqual(cells(matrix));
});

test('rows can be cut out, an empty one among them', () => {
  expect(cells(sliceRows(matrix, 1, 4))).toEqual([{ 2: 5 }, {}, { 0: 3, 2: 7 }]);
});

test('sums are by row and by column, and a power leaves nothing at nothing', () => {
  expect(Array.from(rowSums(matrix))).toEqual([6, 5, 0, 10]);
  expect(Array.from(columnSums(matrix))).toEqual([7, 2, 12]);
  expect(Array.from(power(Float64Array.of(4, 0), -0.5))).toEqual([0.5, 0]);
});
