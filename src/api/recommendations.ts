import { z } from 'zod';
import { listProductCards } from '../db/serving.ts';
import { text, uuid } from '../fields.ts';
import { listType } from '../serving/cohorts.ts';
import { defaultAlpha, type ListView } from '../serving/user-list.ts';
import { freshId } from './fresh-id.ts';
import { inTime } from './in-time.ts';
import { category, filterOf, price } from './list-filter.ts';
import { expand, listItem, listSize } from './lists.ts';
import { Problem, unavailable } from './problem.ts';
import { type Choice, chooseStored, type ListType, type Wanted } from './recommendations-choose.ts';
import { chooseByProfile, chooseByQuery, spread } from './recommendations-live.ts';
import { reasonOf } from './recommendations-reasons.ts';
import { type ApiParts, defineRoute } from './route.ts';

/** What the index may take; then what is stored, and what is popular, answer alone. */
const liveMs = 300;
/** No score is known more exactly, and every further digit costs. */
const scoreSteps = 100_000;
/** Diversity chooses among so many for each one wanted. */
const poolShare = 5;

const share = z
  .string()
  .trim()
  .min(1, 'must be a number')
  .transform(Number)
  .pipe(z.number().min(0).max(1))
  .optional()
  .meta({ override: { type: 'number', minimum: 0, maximum: 1 } });

const ids = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((list) => list.split(',')))
  .pipe(z.array(uuid).max(500))
  .optional()
  .meta({ override: { type: 'string', description: 'Product ids, separated by commas; may be repeated.' } });

const alphaOf = (type: ListType, asked: number | undefined): number => {
  if (type === 'collaborative') return 1;
  return type === 'content' ? 0 : (asked ?? defaultAlpha);
};

/** The popular ones that fit, after what was chosen before them. */
const fill = (
  { popular }: ApiParts,
  wanted: Wanted,
  { most, known, chosen }: { most: number; known: ReadonlySet<number>; chosen: readonly Choice[] },
): Choice[] => {
  const taken = new Set(chosen.map(({ number }) => number));
  const picked = popular.pick(
    wanted.filter,
    most - chosen.length,
    (number) => !taken.has(number) && !known.has(number) && !wanted.excluded.has(number),
  );
  const last = chosen.at(-1)?.score ?? 1;
  return (picked ?? []).map((number) => ({
    number,
    score: last * popular.shareOf(number),
    source: 'popular',
    reason: 'popular',
    because: 0,
  }));
};

const choose = async (parts: ApiParts, view: ListView | undefined, wanted: Wanted): Promise<Choice[]> => {
  const { catalogue, log } = parts;
  const { k, type, query, diversity, resolved, excluded } = wanted;
  const most = diversity > 0 ? Math.max(50, poolShare * k) : k;
  const allows = (number: number) => catalogue.allows(number, resolved);
  let chosen: Choice[] =
    view && type !== 'popular' && query === undefined ? chooseStored(view, wanted, { most, allows }) : [];
  if (chosen.length < k) {
    const known = new Set(wanted.excludeKnown ? view?.known() : undefined);
    const missed = (why: unknown) => log.debug({ err: why, msg: 'a list was made without the index' });
    const skip = [...known, ...excluded];
    if (query !== undefined)
      chosen = (await inTime(chooseByQuery(parts, view, wanted, { most, skip }), liveMs, missed)) ?? [];
    else if (view && (type === 'hybrid' || type === 'content')) {
      const live = chooseByProfile(parts, view, wanted, { most: most - chosen.length, skip, chosen });
      chosen.push(...((await inTime(live, liveMs, missed)) ?? []));
    }
    // Once more: what was found is a moment old.
    chosen = chosen.filter(({ number }) => allows(number));
    const enough = type === 'popular' ? most : k;
    if (chosen.length < enough) chosen.push(...fill(parts, wanted, { most: enough, known, chosen }));
  }
  if (diversity > 0 && chosen.length > 1) {
    const missed = (why: unknown) => log.debug({ err: why, msg: 'a list was not made diverse' });
    chosen = (await inTime(spread(parts, chosen, wanted), liveMs, missed)) ?? chosen;
  }
  return chosen.slice(0, k);
};

/** Items of the answer. With the products' cards, reasons call products by name, else by id. */
const present = async (
  { catalogue, db }: ApiParts,
  choices: readonly Choice[],
  { category, expanded }: { category: string | undefined; expanded: boolean },
) => {
  const named = () =>
    choices.flatMap(({ number, because }) => (because === 0 ? [number] : [number, because]));
  const cards = expanded ? await listProductCards(db, [...new Set(named())].map(catalogue.idOf)) : undefined;
  const nameOf = (number: number): string => {
    const id = catalogue.idOf(number);
    return (cards?.get(id)?.name as string | undefined) ?? id;
  };
  return choices.map((choice, at) => {
    const product_id = catalogue.idOf(choice.number);
    const item = {
      rank: at + 1,
      product_id,
      score: Math.round(scoreSteps * choice.score) / scoreSteps,
      source: choice.source,
      reason: reasonOf(choice, { category, nameOf }),
    };
    const product = cards?.get(product_id);
    return product ? { ...item, product } : item;
  });
};

/** `GET /v1/users/:user_id/recommendations` */
export const getRecommendations = defineRoute({
  method: 'get',
  path: '/v1/users/:user_id/recommendations',
  scope: 'read',
  summary: 'What to offer a user: available products only, and k of them wherever k fit.',
  description:
    "From the user's stored list, which already knows what they did a second ago; filters, exclusions and `alpha` are applied as it is read. A `query`, or a filter that leaves too few, is answered from the index; popular products fill what is left, and answer alone for somebody nobody has seen and while the lists cannot be reached. In an active `experiment` the settings of the user's cohort go before those of the request. With `expand=product` reasons call products by name, else by id.",
  params: z.object({ user_id: uuid }),
  query: z.strictObject({
    k: listSize,
    type: listType.default('hybrid'),
    alpha: share.describe('Weight of the collaborative score in a hybrid list; 0.6 when not given.'),
    query: text(500)
      .refine((typed) => typed.trim() !== '', 'must not be blank')
      .optional(),
    category,
    min_price: price,
    max_price: price,
    exclude: ids,
    exclude_purchased: z
      .enum(['true', 'false'])
      .default('true')
      .meta({ description: 'Leave out what the user bought, reviewed or rated.' }),
    diversity: share.describe('0: best first. The higher, the less alike the products are.'),
    session_id: uuid.optional().meta({
      description: 'What was done in this session counts as well, under whichever id.',
    }),
    experiment: text(100).optional().meta({ description: 'Name of a test.' }),
    expand,
  }),
  responses: {
    200: {
      description: 'Best first.',
      schema: z.object({
        request_id: z.uuid(),
        user_id: z.uuid(),
        type: listType,
        alpha: z.number(),
        k: z.int(),
        query: z.string().nullable(),
        cohort: z.string().nullable(),
        model_version: z
          .int()
          .nullable()
          .meta({ description: 'Of the collaborative model; null without one.' }),
        generated_at: z.iso.datetime().meta({ description: 'When what the user did was read for this.' }),
        items: z.array(listItem),
      }),
    },
    404: { description: 'There is no such category.' },
  },
  async handler({ params: { user_id }, query: asked }, parts) {
    const { catalogue, lists, listRequests, experiments, recommendationLog } = parts;
    const filter = filterOf(asked);
    if (!catalogue.loaded) throw unavailable('The catalogue is not loaded yet.');
    const { reached, stored, view, userId } = await lists.read(user_id, asked.session_id);
    if (reached && !stored) listRequests.ask(userId);
    const resolved = catalogue.resolve(filter);
    if (!resolved) throw new Problem(404, 'There is no such category.');

    const assigned =
      asked.experiment === undefined ? undefined : experiments.cohortOf(asked.experiment, userId);
    const type = assigned?.cohort.type ?? asked.type;
    const alpha = alphaOf(type, assigned?.cohort.alpha ?? asked.alpha);
    const diversity = assigned?.cohort.diversity ?? asked.diversity ?? 0;
    const choices = await choose(parts, view, {
      k: asked.k,
      type,
      alpha,
      diversity,
      query: asked.query,
      filter,
      resolved,
      excluded: new Set(asked.exclude?.flatMap((id) => catalogue.numberOf(id) ?? [])),
      excludeKnown: asked.exclude_purchased === 'true',
    });
    const items = await present(parts, choices, {
      category: asked.category,
      expanded: asked.expand === 'product',
    });

    const request_id = freshId();
    const model_version = view?.modelVersion || null;
    const answer = { type, alpha, k: asked.k, query: asked.query ?? null };
    recommendationLog.add({
      userId: user_id,
      sessionId: asked.session_id,
      products: items.map(({ product_id }) => product_id),
      assigned,
      context: { request_id, ...answer, diversity, category: asked.category ?? null, model_version },
    });
    return {
      json: {
        request_id,
        user_id,
        ...answer,
        cohort: assigned?.cohort.name ?? null,
        model_version,
        generated_at: new Date(view ? view.version / 1_000 : Date.now()).toISOString(),
        items,
      },
    };
  },
});
