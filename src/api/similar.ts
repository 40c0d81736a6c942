import { z } from 'zod';
import { findProduct } from '../db/catalog-reads.ts';
import { listProductCards } from '../db/serving.ts';
import { RetryableError } from '../errors.ts';
import { uuid } from '../fields.ts';
import type { ListFilter } from '../serving/catalogue.ts';
import { findSimilar } from '../serving/make-similar.ts';
import {
  blendSimilar,
  listLength,
  noSimilar,
  packList,
  pick,
  type SimilarList,
  scoresOf,
  similarKey,
  unpackList,
} from '../serving/similar-lists.ts';
import type { Hits } from '../vectors/vector-index.ts';
import { freshId } from './fresh-id.ts';
import { category, filterOf } from './list-filter.ts';
import { expand, listItem, listSize } from './lists.ts';
import { Problem, unavailable } from './problem.ts';
import { type ApiParts, defineRoute } from './route.ts';

const noProduct = 'There is no such product.';
/** Why a product stands on the list, by which of the two scores it has. */
const whyOf = (content: number, collaborative: number) => {
  if (collaborative === 0) return { source: 'content', reason: 'similar content' } as const;
  if (content === 0) return { source: 'collaborative', reason: 'chosen by the same people' } as const;
  return { source: 'hybrid', reason: 'similar content, chosen by the same people' } as const;
};
const changesMs = 50;

interface Stored {
  /** Redis answered. */
  reached: boolean;
  /** Undefined where there is no list. */
  list: SimilarList | undefined;
}

/** The stored list, read with the change stream's tail in one round trip. */
const readStored = async ({ cache, catalogue, config }: ApiParts, number: number): Promise<Stored> => {
  const pipeline = cache.pipeline().getBuffer(similarKey(config.REDIS_PREFIX, number));
  const followed = catalogue.follow(pipeline);
  const answers = await pipeline.exec().catch(() => null);
  await followed(answers?.[1]);
  const [error, packed] = answers?.[0] ?? [new Error('Redis is away'), null];
  return { reached: !error, list: error ? undefined : unpackList(packed as Buffer | null) };
};

/** Keep what was found for the next who asks, unless a worker was quicker. */
const store = ({ cache, config, vectors, log }: ApiParts, number: number, hits: Hits): void => {
  const list = blendSimilar(hits, noHits, listLength);
  const packed = packList(vectors.manifest?.generation ?? 0, list);
  cache
    .set(similarKey(config.REDIS_PREFIX, number), packed, 'NX')
    .catch((error: unknown) => log.debug({ err: error, msg: 'a list was not stored' }));
};

const noHits: Hits = { numbers: new Uint32Array(), scores: new Float32Array() };

/**
 * Ask the index. What it says without a filter is stored for the next where nothing was.
 * @returns undefined when there is no index to ask.
 */
const findLive = async (
  parts: ApiParts,
  number: number,
  { stored, k, filter }: { stored: Stored; k: number; filter: ListFilter },
): Promise<Hits | undefined> => {
  const { vectors, catalogue } = parts;
  if (!vectors.manifest) return undefined;
  try {
    if (stored.reached && !stored.list) {
      const hits = (await findSimilar(vectors, [number])).get(number);
      if (!hits) return noHits; // It has no vector yet.
      store(parts, number, hits);
    }
    const allowed = catalogue.allowed(filter);
    return (await findSimilar(vectors, [number], { k, ...(allowed && { allowed }) })).get(number) ?? noHits;
  } catch (error) {
    if (error instanceof RetryableError) return undefined;
    throw error;
  }
};

/** `GET /v1/products/:product_id/similar` */
export const getSimilar = defineRoute({
  method: 'get',
  path: '/v1/products/:product_id/similar',
  scope: 'read',
  summary: 'The available products most like a product, by content and by who chooses them.',
  description:
    'Empty for a product that came a moment ago: it has no vector yet, and nobody chose it. By content alone until there is a collaborative model.',
  params: z.object({ product_id: uuid }),
  query: z.strictObject({ k: listSize, category, expand }),
  responses: {
    200: {
      description:
        'Most alike first; `score`: the cosine of the texts; where a model knows the product, of both.',
      schema: z.object({
        request_id: z.uuid(),
        product_id: z.uuid(),
        category: z.string().nullable(),
        items: z.array(listItem),
      }),
    },
    404: { description: 'There is no such product, or no such category.' },
  },
  async handler({ params: { product_id }, query }, parts) {
    const { catalogue, vectors, db } = parts;
    const filter = filterOf(query);
    if (!catalogue.loaded) throw unavailable('The catalogue is not loaded yet.');
    let number = catalogue.numberOf(product_id);
    if (number === undefined) {
      await catalogue.refresh(changesMs);
      number = catalogue.numberOf(product_id);
      // The stream tells of a product a moment after the tables hold it.
      if (number === undefined && !(await findProduct(db, product_id))) throw new Problem(404, noProduct);
    }
    const stored = number === undefined ? undefined : await readStored(parts, number);
    const resolved = catalogue.resolve(filter);
    if (!resolved) throw new Problem(404, 'There is no such category.');
    const head = { request_id: freshId(), product_id, category: query.category ?? null };
    if (number === undefined || !stored) return { json: { ...head, items: [] } };

    const list = stored.list ?? noSimilar;
    const fitting = pick(
      list,
      [...list.numbers.keys()].filter((at) => catalogue.allows(list.numbers[at] as number, resolved)),
    );
    let content = { numbers: fitting.numbers, scores: fitting.content };
    if (fitting.numbers.length < query.k) {
      // No list, or too few of it fit: the index itself knows all that do.
      const live = await findLive(parts, number, { stored, k: query.k, filter });
      if (live) {
        // Once more: what was found is a moment old.
        const near = [...live.numbers.keys()].filter((at) =>
          catalogue.allows(live.numbers[at] as number, resolved),
        );
        content = {
          numbers: Uint32Array.from(near, (at) => live.numbers[at] as number),
          scores: Float32Array.from(near, (at) => live.scores[at] as number),
        };
      } else if (!stored.list && (!stored.reached || vectors.manifest))
        throw unavailable('Neither the lists nor the index can be reached; try again.');
    }
    // Ranks count among those that fit.
    const found = blendSimilar(
      content,
      { numbers: fitting.numbers, scores: fitting.collaborative },
      Number.POSITIVE_INFINITY,
    );
    const scores = scoresOf(found);
    const places = [...found.numbers.keys()].slice(0, query.k);
    const ids = places.map((at) => catalogue.idOf(found.numbers[at] as number));

    const cards = query.expand === 'product' ? await listProductCards(db, ids) : undefined;
    return {
      json: {
        ...head,
        items: places.map((at) => {
          const id = ids[at] as string;
          const card = cards?.get(id);
          return {
            rank: at + 1,
            product_id: id,
            score: scores[at] as number,
            ...whyOf(found.content[at] as number, found.collaborative[at] as number),
            ...(card && { product: card }),
          };
        }),
      },
    };
  },
});
