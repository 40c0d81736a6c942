import { z } from 'zod';
import { searchWords, type WordHit } from '../db/search.ts';
import { listProductCards } from '../db/serving.ts';
import { text, uuid } from '../fields.ts';
import type { ListFilter } from '../serving/catalogue.ts';
import { preferLiked } from './affinity.ts';
import { freshId } from './fresh-id.ts';
import { fuse, type Ranked } from './fuse.ts';
import { inTime } from './in-time.ts';
import { category, filterOf, price } from './list-filter.ts';
import { expand, listItem, listSize } from './lists.ts';
import { Problem, unavailable } from './problem.ts';
import { type ApiParts, defineRoute } from './route.ts';

/** What each half may take; then the other answers alone. */
const patienceMs = { meaning: 300, words: 500, changes: 50, order: 100 };
/** Below so many products that fit the filter they are named to PostgreSQL one by one. */
const fewProducts = 5_000;

/** Products that mean what was typed, nearest first; nothing while there is no index. */
const searchMeaning = async (
  { embedders, vectors }: ApiParts,
  { q, allowed, limit }: { q: string; allowed: Uint8Array; limit: number },
): Promise<Ranked | undefined> => {
  const model = vectors.manifest?.model;
  if (model === undefined) return undefined;
  const query = await (await embedders.named(model)).embed([q]);
  const [hits] = await vectors.search(query, { k: limit, allowed, model });
  // Nothing in common at all, where the query says nothing to the model.
  if (!hits) return undefined;
  const near = [...hits.numbers.keys()].filter((at) => (hits.scores[at] as number) > 0);
  const best = hits.scores[near[0] ?? 0] as number;
  return {
    numbers: near.map((at) => hits.numbers[at] as number),
    shares: near.map((at) => (hits.scores[at] as number) / best),
  };
};

const byWords = (
  { db, catalogue }: ApiParts,
  asked: {
    q: string;
    filter: ListFilter;
    bounds: { minPrice?: string | undefined; maxPrice?: string | undefined };
    allowed: Uint8Array;
    limit: number;
  },
): Promise<WordHit[]> => {
  const { q, filter, bounds, allowed, limit } = asked;
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const within = isFiltered ? catalogue.numbersOf(allowed, fewProducts) : undefined;
  const categories = catalogue.resolve(filter)?.categories;
  return searchWords(
    db,
    within
      ? { text: q, within, limit }
      : { text: q, ...bounds, ...(categories && { categories: [...categories] }), limit },
  );
};

/** What it says that a product has some of the words: less than any meaning. */
const partialWeight = 0.2;
const semantic = { source: 'semantic', reason: 'similar meaning' } as const;
const lexical = { source: 'lexical', reason: 'matching words' } as const;
const both = { source: 'both', reason: 'similar meaning and matching words' } as const;
const named = { source: 'lexical', reason: 'this very name or code' } as const;

/** `GET /v1/search` */
export const getSearch = defineRoute({
  method: 'get',
  path: '/v1/search',
  scope: 'read',
  summary: 'Available products by what was typed: by meaning and by words, fused by reciprocal rank.',
  description:
    'A word that no product has is taken for the nearest that one has. Words in quotes must stand together, `-word` must not occur. When the index or PostgreSQL is away, the other half answers alone. With `user_id`, hits to the user’s liking gain on the others.',
  query: z.strictObject({
    q: text(500).refine((typed) => typed.trim() !== '', 'must not be blank'),
    k: listSize,
    user_id: uuid.optional().meta({ description: 'Whose order it is to be.' }),
    category,
    min_price: price,
    max_price: price,
    expand,
  }),
  responses: {
    200: {
      description: 'Best first. What was typed being a name or a code comes before all else.',
      schema: z.object({
        request_id: z.uuid(),
        query: z.string(),
        category: z.string().nullable(),
        items: z.array(listItem),
      }),
    },
    404: { description: 'There is no such category.' },
  },
  async handler({ query }, parts) {
    const { catalogue, db, lists, log, vectors } = parts;
    const { q, k } = query;
    const filter = filterOf(query);
    if (!catalogue.loaded) throw unavailable('The catalogue is not loaded yet.');
    // Reading somebody's list brings the catalogue up to date as well.
    const view = query.user_id === undefined ? undefined : (await lists.read(query.user_id)).view;
    if (query.user_id === undefined) await catalogue.refresh(patienceMs.changes);
    const allowed = catalogue.allowed(filter);
    if (!allowed) throw new Problem(404, 'There is no such category.');

    const limit = Math.max(50, 2 * k);
    const missed = (half: string) => (why: unknown) =>
      log.debug({ err: why, half, msg: 'half of a search is missing' });
    const [meant, worded] = await Promise.all([
      inTime(searchMeaning(parts, { q, allowed, limit }), patienceMs.meaning, missed('meaning')),
      inTime(
        byWords(parts, {
          q,
          filter,
          bounds: { minPrice: query.min_price, maxPrice: query.max_price },
          allowed,
          limit,
        }),
        patienceMs.words,
        missed('words'),
      ),
    ]);
    if (!meant && !worded) throw unavailable('Neither the index nor PostgreSQL answers; try again.');

    const resolved = catalogue.resolve(filter) ?? {};
    const exact = new Set((worded ?? []).filter((hit) => hit.exact).map(({ number }) => number));
    const hits = (partly: boolean) =>
      (worded ?? []).filter(({ partial }) => partial === partly).map(({ number }) => number);
    const impersonal = fuse([
      meant ?? { numbers: [] },
      { numbers: hits(false) },
      { numbers: hits(true), weight: partialWeight },
    ]);
    const fused =
      view && impersonal.length > 0
        ? ((await inTime(
            preferLiked(vectors, view, impersonal),
            patienceMs.order,
            missed('personal order'),
          )) ?? impersonal)
        : impersonal;
    const best = [
      ...fused.filter(({ number }) => exact.has(number)).map((hit) => ({ ...hit, score: hit.score + 1 })),
      ...fused.filter(({ number }) => !exact.has(number)),
    ]
      // Once more: PostgreSQL's half may know less than the memory.
      .filter(({ number }) => catalogue.allows(number, resolved))
      .slice(0, k);
    const cards =
      query.expand === 'product'
        ? await listProductCards(
            db,
            best.map(({ number }) => catalogue.idOf(number)),
          )
        : undefined;
    return {
      json: {
        request_id: freshId(),
        query: q,
        category: query.category ?? null,
        items: best.map(({ number, score, lists }, at) => {
          const product_id = catalogue.idOf(number);
          const card = cards?.get(product_id);
          const why = exact.has(number)
            ? named
            : lists.length > 1
              ? both
              : lists[0] === 0
                ? semantic
                : lexical;
          return { rank: at + 1, product_id, score, ...why, ...(card && { product: card }) };
        }),
      },
    };
  },
});
