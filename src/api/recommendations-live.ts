import { diversify } from '../recommend/diversity.ts';
import type { ListView } from '../serving/user-list.ts';
import type { VectorIndex } from '../vectors/vector-index.ts';
import { affinities, profileOf } from './affinity.ts';
import type { Choice, Wanted } from './recommendations-choose.ts';
import type { ApiParts } from './route.ts';

/** How much of a score is what was typed; the rest is what the user likes. */
const queryWeight = 0.7;

/** These bits without some numbers. */
const without = (bits: Uint8Array, numbers: Iterable<number>): Uint8Array => {
  const rest = bits.slice();
  for (const number of numbers)
    if (number >> 3 < rest.length) rest[number >> 3] = (rest[number >> 3] as number) & ~(1 << (number & 7));
  return rest;
};

const nearest = async (
  vectors: VectorIndex,
  query: Float32Array,
  { k, allowed, model }: { k: number; allowed: Uint8Array; model: string },
): Promise<{ numbers: Uint32Array; scores: Float32Array }> => {
  const [hits] = await vectors.search(query, { k, allowed, model });
  const count = hits ? hits.scores.findIndex((score) => score <= 0) : 0;
  if (!hits || count === -1) return hits ?? { numbers: new Uint32Array(), scores: new Float32Array() };
  return { numbers: hits.numbers.subarray(0, count), scores: hits.scores.subarray(0, count) };
};

/**
 * The products that mean what was typed, those before that are to the user's liking.
 * @returns undefined when there is no index. @throws RetryableError when it changes under our hands.
 */
export const chooseByQuery = async (
  { vectors, embedders, catalogue, popular }: ApiParts,
  view: ListView | undefined,
  wanted: Wanted,
  { most, skip }: { most: number; skip: Iterable<number> },
): Promise<Choice[] | undefined> => {
  const { query, type, alpha, filter } = wanted;
  const model = vectors.manifest?.model;
  const bits = catalogue.allowed(filter);
  if (model === undefined || query === undefined || !bits) return undefined;
  const isPersonal = view !== undefined && type !== 'popular';
  const [typed, profile] = await Promise.all([
    embedders.named(model).then((embedder) => embedder.embed([query])),
    isPersonal && alpha < 1 ? profileOf(vectors, view) : undefined,
  ]);
  const { numbers, scores } = await nearest(vectors, typed, {
    k: Math.max(100, 2 * most),
    allowed: without(bits, skip),
    model,
  });
  const liked = isPersonal
    ? await affinities(vectors, view, { numbers, alpha, profile })
    : Float32Array.from(numbers, (number) => (type === 'popular' ? popular.shareOf(number) : 0));
  const best = scores[0] || 1;
  return [...numbers]
    .map(
      (number, at): Choice => ({
        number,
        score: (queryWeight * (scores[at] as number)) / best + (1 - queryWeight) * (liked[at] as number),
        source: 'semantic',
        reason: 'query',
        because: 0,
      }),
    )
    .sort((a, b) => b.score - a.score)
    .slice(0, most);
};

/**
 * What lies nearest to the user's profile within the filter, for a stored list that has too few. Their scores go on where
 * the stored content scores of `chosen` end.
 */
export const chooseByProfile = async (
  { vectors, catalogue }: ApiParts,
  view: ListView,
  wanted: Wanted,
  { most, skip, chosen }: { most: number; skip: Iterable<number>; chosen: readonly Choice[] },
): Promise<Choice[]> => {
  const model = vectors.manifest?.model;
  const bits = catalogue.allowed(wanted.filter);
  if (model === undefined || !bits) return [];
  const profile = await profileOf(vectors, view);
  if (!profile) return [];
  const seen = view.signals().map(({ number }) => number);
  const allowed = without(without(bits, skip), [...seen, ...chosen.map(({ number }) => number)]);
  const { numbers, scores } = await nearest(vectors, profile, { k: most, allowed, model });
  const first = Math.min(1 - wanted.alpha, chosen.at(-1)?.score ?? 1) / (scores[0] || 1);
  return [...numbers].map((number, at) => ({
    number,
    score: first * (scores[at] as number),
    source: 'content',
    reason: 'profile',
    because: 0,
  }));
};

/** The `k` of these that are good and unlike each other. */
export const spread = async (
  { vectors }: ApiParts,
  choices: readonly Choice[],
  { k, diversity }: Wanted,
): Promise<Choice[]> => {
  const rows = await vectors.vectors(Uint32Array.from(choices, ({ number }) => number));
  const places = diversify(
    {
      scores: Float32Array.from(choices, ({ score }) => score),
      vectors: rows,
      dim: rows.length / choices.length,
    },
    { k, diversity },
  );
  return places.map((place) => choices[place] as Choice);
};
