/**
 * The inverse of the Cholesky factor's transpose, R⁻¹ with RᵀR = A, as an upper triangle: a block Y with Gram matrix A
 * becomes orthonormal as Y·R⁻¹. A touch of the trace is added to the diagonal, so that a block that has lost rank to
 * rounding, or is empty, passes too.
 */
export const inverseCholesky = (gram: Float32Array, size: number): Float32Array => {
  let trace = 0;
  for (let i = 0; i < size; i += 1) trace += gram[i * size + i] as number;
  const shift = (trace / size) * 1e-6 + 1e-30;
  const lower = Float64Array.from(gram);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = (lower[i * size + j] as number) + (i === j ? shift : 0);
      for (let k = 0; k < j; k += 1) sum -= (lower[i * size + k] as number) * (lower[j * size + k] as number);
      lower[i * size + j] = i === j ? Math.sqrt(Math.max(sum, shift)) : sum / (lower[j * size + j] as number);
    }
  }
  // Row j of L⁻¹ from the rows above it; its transpose is R⁻¹.
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j += 1) {
    const diagonal = lower[j * size + j] as number;
    for (let k = 0; k < j; k += 1) {
      const factor = (lower[j * size + k] as number) / diagonal;
      if (factor === 0) continue;
      for (let i = 0; i <= k; i += 1)
        inverse[j * size + i] =
          (inverse[j * size + i] as number) - factor * (inverse[k * size + i] as number);
    }
    inverse[j * size + j] = 1 / diagonal;
  }
  const transposed = new Float32Array(size * size);
  for (let i = 0; i < size; i += 1)
    for (let j = 0; j < size; j += 1) transposed[j * size + i] = inverse[i * size + j] as number;
  return transposed;
};

export interface Eigen {
  /** Largest first. */
  values: Float64Array;
  /** One eigenvector a row, in the values' order. */
  vectors: Float64Array;
}

/**
 * All eigenvalues and eigenvectors of a symmetric matrix: Householder reduction to a tridiagonal one, then implicit QL
 * (Golub and Van Loan, Matrix Computations, 8.3). The vectors are kept as rows, so that every rotation runs along memory.
 * @throws Error when the matrix is not finite.
 */
export const symmetricEigen = (matrix: Float32Array, size: number): Eigen => {
  const a = Float64Array.from(matrix);
  const q = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) q[i * size + i] = 1;
  const diagonal = new Float64Array(size);
  const off = new Float64Array(size);
  const v = new Float64Array(size);
  const p = new Float64Array(size);

  for (let k = 0; k < size - 2; k += 1) {
    let norm = 0;
    for (let i = k + 1; i < size; i += 1) norm += (a[k * size + i] as number) ** 2;
    norm = Math.sqrt(norm);
    const head = a[k * size + k + 1] as number;
    const alpha = head > 0 ? -norm : norm;
    off[k] = alpha;
    if (norm === 0) continue;
    for (let i = k + 1; i < size; i += 1) v[i] = a[k * size + i] as number;
    v[k + 1] = head - alpha;
    const half = norm * (norm + Math.abs(head));
    // A ← A − v·wᵀ − w·vᵀ with w = A·v/half − (vᵀA·v / 2·half²)·v, on what is left of A.
    let inner = 0;
    for (let i = k + 1; i < size; i += 1) {
      let sum = 0;
      for (let j = k + 1; j < size; j += 1) sum += (a[i * size + j] as number) * (v[j] as number);
      p[i] = sum / half;
      inner += (p[i] as number) * (v[i] as number);
    }
    const shrink = inner / (2 * half);
    for (let i = k + 1; i < size; i += 1) p[i] = (p[i] as number) - shrink * (v[i] as number);
    for (let i = k + 1; i < size; i += 1) {
      const vi = v[i] as number;
      const pi = p[i] as number;
      for (let j = k + 1; j < size; j += 1) {
        const at = i * size + j;
        a[at] = (a[at] as number) - vi * (p[j] as number) - pi * (v[j] as number);
      }
    }
    // The vector stays in the row it came from, for building Q afterwards, its scale where the diagonal will be.
    for (let i = k + 1; i < size; i += 1) a[k * size + i] = v[i] as number;
    diagonal[k] = half;
  }
  const halves = diagonal.slice();
  for (let i = 0; i < size; i += 1) diagonal[i] = a[i * size + i] as number;
  if (size > 1) off[size - 2] = a[(size - 2) * size + size - 1] as number;

  // Q = H₀·H₁·…, from the last reflection to the first, so that each touches only the corner it fills; kept transposed.
  for (let k = size - 3; k >= 0; k -= 1) {
    const half = halves[k] as number;
    if (half === 0) continue;
    for (let row = k + 1; row < size; row += 1) {
      let sum = 0;
      for (let i = k + 1; i < size; i += 1)
        sum += (q[row * size + i] as number) * (a[k * size + i] as number);
      const scale = sum / half;
      if (scale === 0) continue;
      for (let i = k + 1; i < size; i += 1)
        q[row * size + i] = (q[row * size + i] as number) - scale * (a[k * size + i] as number);
    }
  }
  diagonalise(diagonal, off, q, size);

  const order = Array.from(diagonal.keys()).sort((i, j) => (diagonal[j] as number) - (diagonal[i] as number));
  const vectors = new Float64Array(size * size);
  order.forEach((from, to) => {
    vectors.set(q.subarray(from * size, (from + 1) * size), to * size);
  });
  return { values: Float64Array.from(order, (from) => diagonal[from] as number), vectors };
};

/** Implicit QL with Wilkinson's shift on a tridiagonal matrix; every rotation is applied to two rows of `rows`. */
const diagonalise = (d: Float64Array, e: Float64Array, rows: Float64Array, size: number): void => {
  for (let l = 0; l < size; l += 1) {
    for (let sweep = 0; ; sweep += 1) {
      let m = l;
      for (; m < size - 1; m += 1) {
        const scale = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number);
        if (Math.abs(e[m] as number) <= Number.EPSILON * scale) break;
      }
      if (m === l) break;
      if (sweep === 60) throw new Error('the eigenvalues did not converge: the matrix is not finite');
      let g = ((d[l + 1] as number) - (d[l] as number)) / (2 * (e[l] as number));
      let r = Math.hypot(g, 1);
      g = (d[m] as number) - (d[l] as number) + (e[l] as number) / (g + (g >= 0 ? r : -r));
      let s = 1;
      let c = 1;
      let p = 0;
      let i = m - 1;
      for (; i >= l; i -= 1) {
        const f = s * (e[i] as number);
        const b = c * (e[i] as number);
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] = (d[i + 1] as number) - p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = (d[i + 1] as number) - p;
        r = ((d[i] as number) - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        const upper = i * size;
        const lower = upper + size;
        for (let k = 0; k < size; k += 1) {
          const x = rows[lower + k] as number;
          const y = rows[upper + k] as number;
          rows[lower + k] = s * y + c * x;
          rows[upper + k] = c * y - s * x;
        }
      }
      if (r === 0 && i >= l) continue;
      d[l] = (d[l] as number) - p;
      e[l] = g;
      e[m] = 0;
    }
  }
};
