import type { Manifest } from './manifest.ts';
import type { VectorIndex } from './vector-index.ts';

/** Products' vectors, kept from one question to the next: reading them anew costs more than what is done with them. */
export interface KeptVectors {
  /**
   * The vectors of these products: each begins in `values` at its place of `starts`, zeros for those that have none. Both
   * are to be read before anything is waited for. @throws RetryableError when no index is loaded.
   */
  rows(numbers: Uint32Array): Promise<{ values: Float32Array; starts: Uint32Array }>;
}

const mib = 1_048_576;

/** @param most bytes of vectors; when they are full, all are forgotten but those that are asked for */
export const keepVectors = (index: VectorIndex, { most = 16 * mib }: { most?: number } = {}): KeptVectors => {
  const starts = new Map<number, number>();
  let values = new Float32Array();
  /** Of what generation they are. */
  let of: Manifest | undefined;

  const forget = (manifest: Manifest | undefined): void => {
    starts.clear();
    of = manifest;
  };

  const makeRoom = (floats: number, limit: number): void => {
    if (floats <= values.length) return;
    const larger = new Float32Array(Math.min(Math.max(floats, 2 * values.length), limit));
    larger.set(values);
    values = larger;
  };

  return {
    async rows(numbers) {
      for (;;) {
        const { manifest } = index;
        if (manifest !== of) forget(manifest);
        const missing = [...new Set(numbers.filter((number) => !starts.has(number)))];
        if (missing.length === 0)
          return { values, starts: numbers.map((number) => starts.get(number) as number) };
        const read = await index.vectors(Uint32Array.from(missing));
        // Another generation is served by now.
        if (index.manifest !== manifest || of !== manifest) continue;
        const dim = read.length / missing.length;
        const limit = Math.max(Math.floor(most / read.BYTES_PER_ELEMENT / dim), numbers.length);
        // Others may have asked for the same meanwhile.
        const more = missing.reduce((sum, number) => sum + (starts.has(number) ? 0 : 1), 0);
        const isFull = starts.size + more > limit;
        if (isFull) forget(manifest);
        makeRoom((isFull ? missing.length : starts.size + more) * dim, limit * dim);
        missing.forEach((number, nth) => {
          if (starts.has(number)) return;
          const start = starts.size * dim;
          values.set(read.subarray(nth * dim, (nth + 1) * dim), start);
          starts.set(number, start);
        });
      }
    },
  };
};
