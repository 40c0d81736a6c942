/** A sparse matrix by rows (CSR), in shared memory so that threads read it without copies. Columns ascend in a row. */
export interface Sparse {
  rows: number;
  columns: number;
  /** Row r is entries `starts[r]` up to, not including, `starts[r + 1]`. */
  starts: Uint32Array;
  indices: Uint32Array;
  values: Float32Array;
}

export const sharedFloats = (length: number): Float32Array =>
  new Float32Array(new SharedArrayBuffer(length * 4));
export const sharedIntegers = (length: number): Uint32Array =>
  new Uint32Array(new SharedArrayBuffer(length * 4));

export const emptySparse = (rows: number, columns: number, entries: number): Sparse => ({
  rows,
  columns,
  starts: sharedIntegers(rows + 1),
  indices: sharedIntegers(entries),
  values: sharedFloats(entries),
});

/** Where each key's entries start when they are sorted by key: one number more than there are keys. */
const countStarts = (keys: Uint32Array, count: number, starts: Uint32Array): void => {
  for (const key of keys) starts[key + 1] = (starts[key + 1] as number) + 1;
  for (let key = 0; key < count; key += 1)
    starts[key + 1] = (starts[key + 1] as number) + (starts[key] as number);
};

/** The order that sorts entries by row, then by column; entries of the same cell keep theirs. Linear in time. */
export const cellOrder = (
  rows: Uint32Array,
  rowCount: number,
  columns: Uint32Array,
  columnCount: number,
): Uint32Array => {
  const place = (keys: Uint32Array, count: number, from: Uint32Array | undefined): Uint32Array => {
    const next = new Uint32Array(count + 1);
    countStarts(keys, count, next);
    const order = new Uint32Array(keys.length);
    for (let at = 0; at < keys.length; at += 1) {
      const entry = from ? (from[at] as number) : at;
      const key = keys[entry] as number;
      const slot = next[key] as number;
      order[slot] = entry;
      next[key] = slot + 1;
    }
    return order;
  };
  return place(rows, rowCount, place(columns, columnCount, undefined));
};

/** The matrix of these entries; those of the same cell are added up. */
export const fromTriples = (
  size: { rows: number; columns: number },
  rows: Uint32Array,
  columns: Uint32Array,
  values: Float32Array,
): Sparse => {
  const order = cellOrder(rows, size.rows, columns, size.columns);
  const matrix = emptySparse(size.rows, size.columns, order.length);
  let filled = 0;
  let at = 0;
  for (let row = 0; row < size.rows; row += 1) {
    const start = filled;
    for (; at < order.length && rows[order[at] as number] === row; at += 1) {
      const entry = order[at] as number;
      const column = columns[entry] as number;
      if (filled > start && matrix.indices[filled - 1] === column) {
        matrix.values[filled - 1] = (matrix.values[filled - 1] as number) + (values[entry] as number);
      } else {
        matrix.indices[filled] = column;
        matrix.values[filled] = values[entry] as number;
        filled += 1;
      }
    }
    matrix.starts[row + 1] = filled;
  }
  return {
    ...matrix,
    indices: matrix.indices.subarray(0, filled),
    values: matrix.values.subarray(0, filled),
  };
};

export const transpose = ({ rows, columns, starts, indices, values }: Sparse): Sparse => {
  const flipped = emptySparse(columns, rows, indices.length);
  countStarts(indices, columns, flipped.starts);
  const next = flipped.starts.slice();
  for (let row = 0; row < rows; row += 1) {
    for (let at = starts[row] as number; at < (starts[row + 1] as number); at += 1) {
      const column = indices[at] as number;
      const slot = next[column] as number;
      flipped.indices[slot] = row;
      flipped.values[slot] = values[at] as number;
      next[column] = slot + 1;
    }
  }
  return flipped;
};

/** Rows `from` up to, not including, `to`. The entries are not copied. */
export const sliceRows = (matrix: Sparse, from: number, to: number): Sparse => {
  const first = matrix.starts[from] as number;
  const last = matrix.starts[to] as number;
  return {
    rows: to - from,
    columns: matrix.columns,
    starts: matrix.starts.slice(from, to + 1).map((start) => start - first),
    indices: matrix.indices.subarray(first, last),
    values: matrix.values.subarray(first, last),
  };
};

/** The sum of each row's values. */
export const rowSums = ({ rows, starts, values }: Sparse): Float64Array => {
  const sums = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    for (let at = starts[row] as number; at < (starts[row + 1] as number); at += 1)
      sums[row] = (sums[row] as number) + (values[at] as number);
  }
  return sums;
};

/** The sum of each column's values. */
export const columnSums = ({ columns, indices, values }: Sparse): Float64Array => {
  const sums = new Float64Array(columns);
  indices.forEach((column, at) => {
    sums[column] = (sums[column] as number) + (values[at] as number);
  });
  return sums;
};

/** Each sum to a power; nothing stays nothing, so that an unseen item is never divided by zero. */
export const power = (sums: Float64Array, exponent: number): Float32Array =>
  Float32Array.from(sums, (sum) => (sum > 0 ? sum ** exponent : 0));
