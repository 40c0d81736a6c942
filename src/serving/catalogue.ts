import type { ChainableCommander, Redis } from 'ioredis';
import type { Db } from '../db/database.ts';
import { findAnnouncedVersion, listCategoryTree, listProductFacts } from '../db/serving.ts';
import type { Log } from '../log.ts';
import { createCategoryTree } from './category-tree.ts';
import { askTail, type Change, findEnd, isBehind, readTail } from './changes.ts';
import { createProductTable, type ProductFilter } from './product-table.ts';

/** A filter as callers give it. Prices in hundredths. */
export interface ListFilter {
  /** Slug; what lies below it is included. */
  category?: string | undefined;
  minPrice?: number | undefined;
  maxPrice?: number | undefined;
}

/** What reading needs to know of products and categories, in this process' memory, kept current by the change stream. */
export interface Catalogue {
  /** False until everything was loaded once; nothing can be answered before. */
  readonly loaded: boolean;
  /** False while the stream cannot be followed: what is here may be out of date. */
  readonly current: boolean;
  /** Products, hidden ones included. */
  readonly count: number;
  numberOf(id: string): number | undefined;
  idOf(number: number): string;
  priceOf(number: number): number;
  categoryOf(number: number): number;
  /** Undefined when there is no such category. */
  resolve(filter: ListFilter): ProductFilter | undefined;
  /** Whether a product is available and fits. */
  allows(number: number, filter: ProductFilter): boolean;
  /** A bit per number of the products that are available and fit; undefined when there is no such category. */
  allowed(filter: ListFilter): Uint8Array | undefined;
  /** The numbers among `allowed`'s bits, unless there are more than `most`. */
  numbersOf(bits: Uint8Array, most: number): number[] | undefined;
  /**
   * Ask for the stream's tail in a pipeline of the caller's, so that its read sees every change told before it. Give what
   * is returned the pipeline's answer to that command, before judging products.
   */
  follow(
    pipeline: ChainableCommander,
  ): (answer: readonly [Error | null, unknown] | undefined) => Promise<void>;
  /** See every change told until now. False when that did not succeed within `withinMs`; then this memory may be old. */
  refresh(withinMs: number): Promise<boolean>;
  /** Be told of published generations of the index. */
  onIndex(listener: (published: { model: string; generation: number }) => void): void;
  close(): void;
}

interface CatalogueParts {
  db: Db;
  /** From `connectForRequests`: it must not wait for a Redis that is away. */
  cache: Redis;
  prefix: string;
  log: Log;
  /** How long memory may lag behind when nobody reads. */
  pollMs?: number;
}

/** So many products a statement: some ten milliseconds. */
const page = 10_000;
/** How long a read waits for a tree that was told of. */
const treeMs = 100;

/**
 * Load the catalogue and follow what happens to it. Resolves when it is loaded, or when the first try has failed; it is
 * tried again until it succeeds. Where the stream breaks off (flushed, trimmed past us) all of it is loaded again, and
 * until then reads go on with what is here.
 */
export const startCatalogue = async (parts: CatalogueParts): Promise<Catalogue> => {
  const { db, cache, prefix, log, pollMs = 250 } = parts;
  const table = createProductTable();
  const listeners: ((published: { model: string; generation: number }) => void)[] = [];
  let tree = createCategoryTree([]);
  let loaded = false;
  let closed = false;
  /** Our place in the stream; undefined while it is lost and everything must be loaded. */
  let place: string | undefined;
  let seenAt = 0;
  let loading: Promise<void> | undefined;
  let treeWanted = false;
  let treeLoading: Promise<void> | undefined;

  const loadTree = (): Promise<void> => {
    treeWanted = true;
    treeLoading ??= (async () => {
      try {
        while (treeWanted) {
          treeWanted = false;
          tree = createCategoryTree(await listCategoryTree(db));
          table.forgetFilters();
        }
      } catch (error) {
        treeWanted = true;
        throw error;
      } finally {
        treeLoading = undefined;
      }
    })();
    return treeLoading;
  };

  const load = (): Promise<void> => {
    loading ??= (async () => {
      try {
        // In this order: what happens while we read the tables is behind this place, and is applied after them.
        const end = await findEnd(cache, prefix);
        const version = await findAnnouncedVersion(db);
        await loadTree();
        for (let after = 0; !closed; ) {
          const next = await listProductFacts(db, after, page);
          if (!next) break;
          table.apply(next.facts, version, { always: true });
          after = next.last;
        }
        place = end;
        loaded = true;
      } finally {
        loading = undefined;
      }
    })();
    return loading;
  };

  const apply = (change: Change) => {
    if (change.kind === 'products') table.apply(change.facts, change.version);
    else if (change.kind === 'categories')
      void loadTree().catch((error: unknown) => log.warn({ err: error, msg: 'categories not read' }));
    else for (const listener of listeners) listener({ model: change.model, generation: change.generation });
  };

  /** @returns whether there is more behind it. */
  const take = (answer: unknown, from: string): boolean => {
    const tail = readTail(answer, from);
    if (!tail) {
      // Unless it was loaded anew since this was asked.
      if (place === from) {
        place = undefined;
        log.warn({ msg: 'the change stream broke off; the catalogue is loaded again' });
        void load().catch(() => {}); // Tried again by the poll.
      }
      return false;
    }
    for (const change of tail.changes) apply(change);
    if (place !== undefined && isBehind(tail.last, place)) place = tail.last;
    seenAt = performance.now();
    return tail.more;
  };

  const catchUp = async (): Promise<void> => {
    for (let more = true; more && place !== undefined && !closed; ) {
      const from = place;
      const pipeline = cache.pipeline();
      askTail(pipeline, prefix, from);
      const [[error, answer] = [undefined, undefined]] = (await pipeline.exec()) ?? [];
      if (error) throw error;
      more = take(answer, from);
    }
  };

  const isCurrent = () => place !== undefined && performance.now() - seenAt < 4 * pollMs + 1_000;
  let failing = false;
  const poll = async () => {
    try {
      if (place === undefined) await load();
      if (performance.now() - seenAt >= pollMs) await catchUp();
      if (treeWanted) await loadTree();
      failing = false;
    } catch (error) {
      if (!failing && !closed) log.warn({ err: error, msg: 'the catalogue cannot be kept current' });
      failing = true;
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const pollOn = async () => {
    await poll();
    if (!closed) timer = setTimeout(() => void pollOn(), pollMs).unref();
  };
  await pollOn();

  const within = async (work: Promise<unknown>, ms: number): Promise<boolean> => {
    let late: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        work.then(
          () => true,
          () => false,
        ),
        new Promise<boolean>((resolve) => {
          late = setTimeout(() => resolve(false), ms);
        }),
      ]);
    } finally {
      clearTimeout(late);
    }
  };

  /** A change of the tree that was told of is read. */
  const treeRead = async (ms: number): Promise<boolean> =>
    treeLoading === undefined || within(treeLoading, ms);

  const resolve = ({ category, minPrice, maxPrice }: ListFilter): ProductFilter | undefined => {
    if (category === undefined) return { minPrice, maxPrice };
    const categories = tree.within(category);
    return categories && { categories, minPrice, maxPrice };
  };

  return {
    get loaded() {
      return loaded;
    },
    get current() {
      return isCurrent();
    },
    get count() {
      return table.ids.count;
    },
    numberOf: table.ids.numberOf,
    idOf: table.ids.idOf,
    priceOf: table.priceOf,
    categoryOf: table.categoryOf,
    resolve,
    allows: table.allows,
    numbersOf: table.numbersOf,
    allowed(filter) {
      const resolved = resolve(filter);
      return (
        resolved &&
        table.allowed(resolved, `${filter.category ?? ''} ${filter.minPrice ?? ''} ${filter.maxPrice ?? ''}`)
      );
    },
    follow(pipeline) {
      const from = place;
      if (from === undefined) return async () => {};
      askTail(pipeline, prefix, from);
      return async (answer) => {
        const [error, entries] = answer ?? [new Error('no answer'), undefined];
        if (error) return;
        if (take(entries, from)) await catchUp();
        await treeRead(treeMs);
      };
    },
    async refresh(withinMs) {
      const began = performance.now();
      // Where the stream turns out to be broken off, everything is being loaded.
      const caughtUp = catchUp().then(() => loading);
      if (!(await within(caughtUp, withinMs)) || place === undefined) return false;
      return treeRead(Math.max(withinMs - (performance.now() - began), 0));
    },
    onIndex(listener) {
      listeners.push(listener);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
};
