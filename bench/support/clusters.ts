import { normal, seededRandom } from '../../src/vectors/random.ts';

export const dim = 384;
const clusterCount = 1_000;

/** Unit vectors around random centres, the noise six tenths of the centre's length: two neighbours' cosine is 0.74. */
export const clusters = (): ((count: number) => Float32Array) => {
  const random = seededRandom(7);
  const noise = Float32Array.from({ length: 1 << 21 }, () => normal(random));
  const centres = Uint32Array.from({ length: clusterCount }, () =>
    Math.floor(random() * (noise.length - dim)),
  );
  return (count) => {
    const vectors = new Float32Array(count * dim);
    for (let row = 0; row < count; row += 1) {
      const centre = centres[Math.floor(random() * centres.length)] as number;
      const shift = Math.floor(random() * (noise.length - dim));
      let squares = 0;
      for (let at = 0; at < dim; at += 1) {
        const x = (noise[centre + at] as number) + 0.6 * (noise[shift + at] as number);
        vectors[row * dim + at] = x;
        squares += x * x;
      }
      const length = Math.sqrt(squares);
      for (let at = row * dim; at < (row + 1) * dim; at += 1) vectors[at] = (vectors[at] as number) / length;
    }
    return vectors;
  };
};
