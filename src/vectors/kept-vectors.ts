import type { Manifest } from './manifest.ts';
import type { VectorIndex } from './vector-index.ts';

/** Products' vectors, kept from one question to the next: reading them anew costs more than what is done with them. */
export interface KeptVectors {
  /**
   * The vectors of these products: each begins in `values` at its place of `starts`, zeros for those that have none.
   * @throws RetryableError when some have to be read and no index is loaded.
   */
  rows(numbers: Uint32Array): Promise<{ values: Float32Array; starts: Uint32Array }>;
}

interface Kept {
  starts: Map<number, number>;
  values: Float32Array;
}

const mib = 1_048_576;

/** @param most bytes of vectors; when they are full, all are forgotten but those that are asked for */
export const keepVectors = (index: VectorIndex, { most = 16 * mib }: { most?: number } = {}): KeptVectors => {
  let kept: Kept = { starts: new Map(), values: new Float32Array() };
  /** Of what generation they are. */
  let of: Manifest | undefined;

  /** Whoever is under way still has what was kept before. */
  const forget = (manifest: Manifest | undefined): void => {
    kept = { starts: new Map(), values: new Float32Array() };
    of = manifest;
  };

  const makeRoom = (floats: number, limit: number): void => {
    if (floats <= kept.values.length) return;
    const larger = new Float32Array(Math.min(Math.max(floats, 2 * kept.values.length), limit));
    larger.set(kept.values);
    kept.values = larger;
  };

  return {
    async rows(numbers) {
      const wanted = new Set(numbers);
      const missingIn = ({ starts }: Kept) => [...wanted].filter((number) => !starts.has(number));
      for (;;) {
        const { manifest } = index;
        if (manifest !== of) forget(manifest);
        const before = kept;
        const missing = missingIn(before);
        if (missing.length > 0) {
          const read = await index.vectors(Uint32Array.from(missing));
          // Another generation is served by now.
          if (index.manifest !== manifest || of !== manifest) continue;
          const dim = read.length / missing.length;
          const limit = Math.max(Math.floor(most / read.BYTES_PER_ELEMENT / dim), wanted.size);
          // Others may have read the same meanwhile, or have had everything forgotten.
          if (kept.starts.size + missingIn(kept).length > limit) forget(manifest);
          const due = missingIn(kept);
          makeRoom((kept.starts.size + due.length) * dim, limit * dim);
          const places = new Map(missing.map((number, nth) => [number, nth * dim]));
          for (const number of due) {
            const place = places.get(number);
            const from = place === undefined ? before.values : read;
            const first = place ?? (before.starts.get(number) as number);
            const start = kept.starts.size * dim;
            kept.values.set(from.subarray(first, first + dim), start);
            kept.starts.set(number, start);
          }
        }
        const { starts, values } = kept;
        return { values, starts: numbers.map((number) => starts.get(number) as number) };
      }
    },
  };
};
