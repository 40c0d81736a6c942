interface GatherOptions {
  /** Statements under way at once. */
  atOnce: number;
  /** Items of one statement. */
  most: number;
  /** So long after a statement began the next one goes, unless many wait: a commit and its wakings are not for a few. */
  restMs?: number;
}

interface Part<T> {
  work: T;
  size: number;
  ids: readonly string[];
  since: number;
  alone(): Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/** So long something small waits for the statement before it. That one may be waiting for a lock. */
const patienceMs = 50;
/** So many callers are worth a statement at once. */
const crowd = 16;

/**
 * Gathers the work of several callers, some items each, into few statements. The first goes at once; what comes while it is
 * under way, or soon after it began, goes together in the next, and full ones go side by side. So each caller waits for
 * little more than its own work, and a thousand callers with one item each cost few round trips and few commits.
 *
 * `together` does the work of several callers, no id twice. When it rejects, `alone` is called for each of them, one after another:
 * doing an item twice has to be harmless. An error that `concernsAll` is everybody's. Who comes alone is done `alone` at
 * once, unless `singly`.
 */
export const createGatherer = <T>(
  work: {
    sizeOf(work: T): number;
    idsOf(work: T): readonly string[];
    together(works: readonly T[]): Promise<void>;
    singly?: boolean;
    concernsAll(error: unknown): boolean;
  },
  { atOnce, most, restMs = 0 }: GatherOptions,
) => {
  const { sizeOf, idsOf, together, singly = false, concernsAll } = work;
  const waiting: Part<T>[] = [];
  let underWay = 0;
  let begunAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const settle = async (part: Part<T>): Promise<void> => {
    try {
      await part.alone();
      part.resolve();
    } catch (error) {
      part.reject(error);
    }
  };

  const run = async (parts: readonly Part<T>[]): Promise<void> => {
    if (parts.length > 1 || singly) {
      try {
        await together(parts.map((part) => part.work));
        for (const { resolve } of parts) resolve();
        return;
      } catch (error) {
        if (concernsAll(error)) {
          for (const { reject } of parts) reject(error);
          return;
        }
        // Whose fault it is shows when each goes alone.
      }
    }
    for (const part of parts) await settle(part);
  };

  /** The longest waiting that fit into one statement. */
  const take = (): Part<T>[] => {
    const taken: Part<T>[] = [];
    const ids = new Set<string>();
    let size = 0;
    for (let place = 0; place < waiting.length && size < most; ) {
      const part = waiting[place] as Part<T>;
      const fits = size + part.size <= most && !part.ids.some((id) => ids.has(id));
      if (taken.length > 0 && !fits) {
        place += 1;
        continue;
      }
      for (const id of part.ids) ids.add(id);
      size += part.size;
      taken.push(part);
      waiting.splice(place, 1);
    }
    return taken;
  };

  /** In how many ms something is to be begun; 0: now. */
  const dueIn = ({ since }: Part<T>): number => {
    if (waiting.length >= crowd) return 0;
    if (waiting.reduce((sum, { size }) => sum + size, 0) >= most / 2) return 0;
    const now = performance.now();
    const due = underWay === 0 ? Math.min(begunAt + restMs, since + patienceMs) : since + patienceMs;
    return Math.max(0, Math.ceil(due - now));
  };

  const pump = (): void => {
    clearTimeout(timer);
    for (let [first] = waiting; first && underWay < atOnce; [first] = waiting) {
      const ms = dueIn(first);
      if (ms > 0) {
        timer = setTimeout(pump, ms);
        return;
      }
      underWay += 1;
      begunAt = performance.now();
      void run(take()).finally(() => {
        underWay -= 1;
        pump();
      });
    }
  };

  /** Resolves when it is done. @throws what `alone` throws. */
  return (own: T, alone: () => Promise<void>): Promise<void> =>
    new Promise((resolve, reject) => {
      const about = { work: own, size: sizeOf(own), ids: idsOf(own), since: performance.now() };
      waiting.push({ ...about, alone, resolve, reject });
      pump();
    });
};
