import { z } from 'zod';
import { listProductCards } from '../db/serving.ts';
import { RetryableError } from '../errors.ts';
import { uuid } from '../fields.ts';
import type { ListFilter } from '../serving/catalogue.ts';
import { findSimilar } from '../serving/make-similar.ts';
import { packList, similarKey, unpackList } from '../serving/similar-lists.ts';
import type { Hits } from '../vectors/vector-index.ts';
import { freshId } from './fresh-id.ts';
import { category, filterOf } from './list-filter.ts';
import { expand, listItem, listSize } from './lists.ts';
import { Problem, unavailable } from './problem.ts';
import { type ApiParts, defineRoute } from './route.ts';

const noProduct = 'There is no such product.';
const why = { source: 'content', reason: 'similar content' } as const;
const changesMs = 50;

interface Stored {
  /** Redis answered. */
  reached: boolean;
  /** Undefined where there is no list. */
  hits: Hits | undefined;
}

/** The stored list, read with the change stream's tail in one round trip. */
const readStored = async ({ cache, catalogue, config }: ApiParts, number: number): Promise<Stored> => {
  const pipeline = cache.pipeline().getBuffer(similarKey(config.REDIS_PREFIX, number));
  const followed = catalogue.follow(pipeline);
  const answers = await pipeline.exec().catch(() => null);
  await followed(answers?.[1]);
  const [error, packed] = answers?.[0] ?? [new Error('Redis is away'), null];
  return { reached: !error, hits: error ? undefined : unpackList(packed as Buffer | null) };
};

/** Keep what was found for the next who asks, unless a worker was quicker. */
const store = ({ cache, config, vectors, log }: ApiParts, number: number, hits: Hits): void => {
  const packed = packList(vectors.manifest?.generation ?? 0, hits);
  cache
    .set(similarKey(config.REDIS_PREFIX, number), packed, 'NX')
    .catch((error: unknown) => log.debug({ err: error, msg: 'a list was not stored' }));
};

const none: Hits = { numbers: new Uint32Array(), scores: new Float32Array() };

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
    if (stored.reached && !stored.hits) {
      const hits = (await findSimilar(vectors, [number])).get(number);
      if (!hits) return none; // It has no vector yet.
      store(parts, number, hits);
    }
    const allowed = catalogue.allowed(filter);
    return (await findSimilar(vectors, [number], { k, ...(allowed && { allowed }) })).get(number) ?? none;
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
  summary: 'The available products nearest to a product by content.',
  description: 'Empty for a product that came a moment ago and has no vector yet.',
  params: z.object({ product_id: uuid }),
  query: z.strictObject({ k: listSize, category, expand }),
  responses: {
    200: {
      description: 'Nearest first; `score` is the cosine.',
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
      const isCurrent = await catalogue.refresh(changesMs);
      number = catalogue.numberOf(product_id);
      if (number === undefined && !isCurrent)
        throw unavailable('What products there are cannot be told now.');
      if (number === undefined) throw new Problem(404, noProduct);
    }
    const stored = await readStored(parts, number);
    const resolved = catalogue.resolve(filter);
    if (!resolved) throw new Problem(404, 'There is no such category.');

    const fitting = ({ numbers, scores }: Hits) =>
      [...numbers]
        .map((neighbour, at) => ({ neighbour, score: scores[at] as number }))
        .filter(({ neighbour }) => catalogue.allows(neighbour, resolved))
        .slice(0, query.k);
    let found = fitting(stored.hits ?? none);
    if (found.length < query.k) {
      // No list, or too few of it fit: the index itself knows all that do.
      const live = await findLive(parts, number, { stored, k: query.k, filter });
      if (live) found = fitting(live);
      else if (!stored.hits && (!stored.reached || vectors.manifest))
        throw unavailable('Neither the lists nor the index can be reached; try again.');
    }

    const cards =
      query.expand === 'product'
        ? await listProductCards(
            db,
            found.map(({ neighbour }) => catalogue.idOf(neighbour)),
          )
        : undefined;
    return {
      json: {
        request_id: freshId(),
        product_id,
        category: query.category ?? null,
        items: found.map(({ neighbour, score }, at) => {
          const id = catalogue.idOf(neighbour);
          const card = cards?.get(id);
          return { rank: at + 1, product_id: id, score, ...why, ...(card && { product: card }) };
        }),
      },
    };
  },
});
