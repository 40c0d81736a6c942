import { defaultAlpha, type ListView } from '../serving/user-list.ts';
import type { VectorIndex } from '../vectors/vector-index.ts';
import type { Fused } from './fuse.ts';

/** Of unit length; zeros stay zeros. */
const normalise = (vector: Float32Array): Float32Array => {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
};

/**
 * What the user likes, as a vector of the index served now: the sum of what they had to do with, by weight. Undefined
 * where none of it has a vector. @throws RetryableError when no index is loaded.
 */
export const profileOf = async (vectors: VectorIndex, view: ListView): Promise<Float32Array | undefined> => {
  const signals = view.signals().filter(({ weight }) => weight !== 0);
  const rows = await vectors.vectors(Uint32Array.from(signals, ({ number }) => number));
  const dim = rows.length / signals.length;
  const profile = new Float32Array(signals.length === 0 ? 0 : dim);
  for (const [row, { weight }] of signals.entries()) {
    for (let axis = 0; axis < profile.length; axis += 1)
      profile[axis] = (profile[axis] as number) + weight * (rows[row * dim + axis] as number);
  }
  return profile.some((value) => value !== 0) ? normalise(profile) : undefined;
};

/**
 * From 0 to 1 for each of these products, how much it is to the user's liking: alpha × the stored collaborative score
 * + (1 - alpha) × the likeness to the profile, both as shares of the best among these.
 * @throws RetryableError when no index is loaded.
 */
export const affinities = async (
  vectors: VectorIndex,
  view: ListView,
  { numbers, alpha, profile }: { numbers: Uint32Array; alpha: number; profile: Float32Array | undefined },
): Promise<Float32Array> => {
  const stored = new Map<number, number>();
  for (let entry = 0; entry < view.count; entry += 1)
    stored.set(view.numberAt(entry), view.collaborativeAt(entry));
  const collaborative = Float32Array.from(numbers, (number) => stored.get(number) ?? 0);

  const likeness = new Float32Array(numbers.length);
  if (profile) {
    const rows = await vectors.vectors(numbers);
    const dim = profile.length;
    for (let row = 0; row < numbers.length; row += 1) {
      let cosine = 0;
      for (let axis = 0; axis < dim; axis += 1)
        cosine += (profile[axis] as number) * (rows[row * dim + axis] ?? 0);
      likeness[row] = Math.max(cosine, 0);
    }
  }
  const most = (values: Float32Array) => values.reduce((best, value) => Math.max(best, value), 0) || 1;
  const [bestCollaborative, bestLikeness] = [most(collaborative), most(likeness)];
  return Float32Array.from(
    numbers,
    (_, row) =>
      (alpha * (collaborative[row] as number)) / bestCollaborative +
      ((1 - alpha) * (likeness[row] as number)) / bestLikeness,
  );
};

/** What a user likes best may gain so much on what they do not: among the first hits, some twenty places. */
const likedShare = 0.3;

/** Search results in a user's own order. @throws RetryableError when no index is loaded. */
export const preferLiked = async (
  vectors: VectorIndex,
  view: ListView,
  hits: readonly Fused[],
): Promise<Fused[]> => {
  const profile = await profileOf(vectors, view);
  const numbers = Uint32Array.from(hits, ({ number }) => number);
  const liked = await affinities(vectors, view, { numbers, alpha: defaultAlpha, profile });
  return hits
    .map((hit, at) => ({ ...hit, score: hit.score * (1 + likedShare * (liked[at] as number)) }))
    .sort((a, b) => b.score - a.score || a.number - b.number);
};
