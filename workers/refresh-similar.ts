import type { refreshSimilar } from '../jobs/refresh-similar.ts';
import { clearDirty, countDirty, type DirtyKey, listDirty } from '../src/db/dirty-keys.ts';
import { findHighestNumber, listNumbers, markAllSimilar } from '../src/db/serving.ts';
import type { Context, Handler, Run } from '../src/queue/handler.ts';
import { makeSimilar } from '../src/serving/make-similar.ts';
import { openServing } from '../src/serving/open-serving.ts';
import { listLength, readLists, type SimilarList, writeLists } from '../src/serving/similar-lists.ts';

/** Stands for every list. */
const everything = '00000000-0000-0000-0000-000000000000';
/** Lists made between two looks at what else has changed: an edit waits for the rest of those under way. */
const chunk = 64;
/** Of a catalogue that small, making all lists is always quick enough. */
const fewProducts = 1_024;
const marksAtOnce = 20_000;
/** Above this share of the products it is quicker to make all lists than to look for those concerned. */
const muchShare = 0.1;

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(to - from, 0) }, (_, at) => from + at);

/** With what models the lists in Redis were made, and how far a pass over all of them has come. */
const stateKey = ({ config }: Context): string => `${config.REDIS_PREFIX}:similar-lists`;

const write = ({ vectors, cache, config }: Context, lists: ReadonlyMap<number, SimilarList>) =>
  writeLists(cache, config.REDIS_PREFIX, vectors.manifest?.generation ?? 0, lists);

const make = async (context: Context, numbers: readonly number[]): Promise<void> => {
  await write(context, await makeSimilar(context, numbers));
};

/** Who is near a product by content, the nearest first. */
const nearTo = ({ numbers, content }: SimilarList): number[] =>
  [...numbers.keys()]
    .filter((at) => (content[at] as number) > 0)
    .sort((a, b) => (content[b] as number) - (content[a] as number))
    .map((at) => numbers[at] as number);

/**
 * The lists of products with a new vector, and of those near their old and their new place. False when these are more
 * than `most`: then nothing is done for them.
 */
const remakeAround = async (
  context: Context,
  changed: readonly number[],
  most: number,
  run: Run,
): Promise<boolean> => {
  const { cache, config } = context;
  const around: number[][] = [];
  const own = new Map<number, SimilarList>();
  for (let from = 0; from < changed.length; from += chunk) {
    const numbers = changed.slice(from, from + chunk);
    const before = await readLists(cache, config.REDIS_PREFIX, numbers);
    for (const [number, list] of await makeSimilar(context, numbers)) own.set(number, list);
    around.push(...before.flatMap((list) => (list ? [nearTo(list)] : [])));
  }
  for (const list of own.values()) around.push(nearTo(list));
  // The nearest first: on their lists the change is at the top.
  const near = new Set<number>();
  for (let rank = 0; rank < listLength; rank += 1) {
    for (const { [rank]: number } of around) if (number !== undefined) near.add(number);
  }
  for (const number of changed) near.delete(number);
  if (near.size > most) return false;
  const rest = [...near];
  for (let from = 0; from < rest.length && !run.signal.aborted; from += chunk)
    await make(context, rest.slice(from, from + chunk));
  // Last: after a crash amid this, they still tell who was near the old place.
  if (!run.signal.aborted) await write(context, own);
  return true;
};

type Marks = readonly (DirtyKey & { seen: number[] })[];
const seenOf = (marks: Marks): number[] => marks.flatMap(({ seen }) => seen);

/** Begin a pass over all lists, anew where one is under way. */
const passAnew = async (context: Context, all: Marks): Promise<void> => {
  await context.cache.hdel(stateKey(context), 'of', 'place');
  if (all.length === 0) await markAllSimilar(context.db);
};

/**
 * The next lists of a pass over all. False when there is nothing left to do, or the pass would begin while so many
 * products are still to be embedded that it would be in vain.
 */
const passOn = async (context: Context, basis: string, all: Marks, much: number): Promise<boolean> => {
  const { cache, db } = context;
  const [of, place] = await cache.hmget(stateKey(context), 'of', 'place');
  const from = of === basis ? Number(place ?? 1) : 1;
  if (from === 1) {
    const unembedded = (await countDirty(db)).find(({ kind }) => kind === 'embedding')?.marks ?? 0;
    if (unembedded > much) return false;
  }
  const highest = await findHighestNumber(db);
  const to = Math.min(from + chunk, highest + 1);
  await make(context, range(from, to));
  if (to <= highest) await cache.hset(stateKey(context), { of: basis, place: to });
  else {
    await cache.hset(stateKey(context), { basis });
    await cache.hdel(stateKey(context), 'of', 'place');
    await clearDirty(db, seenOf(all));
  }
  return true;
};

/** One step; false when there is nothing left to do. What changed by itself goes before a pass over everything. */
const step = async (context: Context, run: Run): Promise<boolean> => {
  const { db, cache, vectors, lists } = context;
  const marks = await listDirty(db, 'similar', marksAtOnce);
  if (marks.length === 0) return false;
  const model = await openServing(db, vectors);
  if (model === undefined) {
    await clearDirty(db, seenOf(marks));
    return false;
  }
  const all = marks.filter(({ key }) => key === everything);
  const changed = marks.filter(({ key }) => key !== everything);
  const much = Math.max(muchShare * (vectors.manifest?.count ?? 0), fewProducts);
  const basis = `${model} ${await lists.model()}`;
  const listed = await cache.hget(stateKey(context), 'basis');
  if (changed.length > much || (all.length === 0 && listed !== basis)) {
    await passAnew(context, all);
    await clearDirty(db, seenOf(changed));
    return true;
  }
  if (changed.length > 0) {
    const numbers = await listNumbers(
      db,
      changed.map(({ key }) => key),
    );
    if (!(await remakeAround(context, numbers, much, run))) await passAnew(context, all);
    if (!run.signal.aborted) await clearDirty(db, seenOf(changed));
  }
  return all.length === 0 || passOn(context, basis, all, much);
};

let running = false;

/** One run at a time in a process: further ones would only do the same. What is stale stays marked until it is made. */
export const handleRefreshSimilar: Handler<typeof refreshSimilar> = async (_, context, run) => {
  if (running) return;
  running = true;
  try {
    while (!run.signal.aborted && (await step(context, run))) {
      // Until nothing is stale.
    }
  } finally {
    running = false;
  }
};
