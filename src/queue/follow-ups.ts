import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import {
  type AddedRows,
  clearDirty,
  type DirtyKey,
  type DirtyKind,
  listMarks,
  type Moment,
} from '../db/dirty-keys.ts';
import { isStatementTimeout } from '../db/sql-state.ts';
import { RetryableError } from '../errors.ts';
import type { FollowUp, followUpPayload } from './define-job.ts';
import type { Context, Run } from './handler.ts';
import type { Producer } from './producer.ts';

/** Keys of marks read at once: many, because a busy key has many marks and is recomputed once for all of them. */
const mostListed = 200_000;
/** While no more marks than these are in hand, new ones are looked for before a batch is taken, at most so often. */
const mostInHand = 2_000;
const lookMs = 10;
/** Keys recomputed by one statement: few, because each may have a long history. */
const defaultKeys = 200;
/** A statement shorter than this may have twice as many keys the next time. */
const easyMs = 500;
/** Of the keys that wait, a statement may have this share once that is more than `batchKeys`. */
const crowdShare = 1 / 8;
/** Where there is a share, work shorter than this is no burden, and no statement is to be much longer than that. */
const burdenMs = 20;
const longestMs = 50;
/** A run that rests ends after this: a process that is to end waits for it, and another may have the same marks in hand. */
const longestRunMs = 5_000;

interface FollowUpOptions {
  /**
   * The share of the time that recomputing may take at most, in short statements with rests between them: who waits for a
   * core beside a long one waits as long. What becomes stale during a run, and what it has no time for, is left to the next.
   */
  share?: number;
  /** Keys recomputed by one statement. */
  batchKeys?: number;
  /** The same while so many wait that each does for some time anyway: larger ones cost less a key. */
  crowdKeys?: number;
  /**
   * Batches under way at once: while the database works on one, threads work on another. A further one is begun only where
   * it is full, for many small ones cost more than few large ones.
   */
  atOnce?: number;
}

/** A key that is stale: with which second halves, and by which marks. */
interface Stale {
  key: string;
  others: Set<string | null>;
  marks: number[];
  /** The rows that made it stale; undefined where something else did, too. */
  added: AddedRows[] | undefined;
  /** Once it is taken: all that happened to it before is among what is in hand; undefined where that is not known. */
  asOf?: Moment | undefined;
}

/** What happened to a key, where that was no more than that rows came. */
export interface Additions {
  rows: readonly AddedRows[];
  /** Whatever else happened to the key before this has been recomputed. */
  asOf: Moment;
}

/** What is to be recomputed. */
export type StaleKey = DirtyKey & { additions: Additions | undefined };

/**
 * What one run has read of the marks of a kind. A mark made while its key is recomputed is for another time; one made
 * while its key waits is for the same.
 */
const readMarks = (db: Context['db'], kind: DirtyKind) => {
  /** The longest stale first. */
  const waiting = new Map<string, Stale>();
  const busy = new Set<string>();
  /** Of each mark, how many of its keys are still to be recomputed. */
  const unfinished = new Map<number, number>();
  let listedAt = Number.NEGATIVE_INFINITY;
  let listing: Promise<void> | undefined;
  /** All marks made before this are in hand or cleared. */
  let asOf: Moment | undefined;

  const staleOf = (key: string): Stale => {
    const stale = waiting.get(key) ?? { key, others: new Set(), marks: [], added: [] };
    waiting.set(key, stale);
    return stale;
  };

  const list = async (): Promise<void> => {
    listedAt = performance.now();
    const listed = await listMarks(db, kind, { most: mostListed, but: [...unfinished.keys()] });
    if (listed.marks.length > 0) asOf = listed.asOf;
    for (const { id, keys, others, added } of listed.marks) {
      let count = 0;
      keys.forEach((key, place) => {
        const stale = staleOf(key);
        stale.others.add(others[place] ?? null);
        const rows = added[place];
        if (rows === undefined) stale.added = undefined;
        else stale.added?.push(rows);
        if (stale.marks.at(-1) === id) return;
        stale.marks.push(id);
        count += 1;
      });
      unfinished.set(id, count);
    }
  };

  return {
    /** Whether new marks are worth a look while others wait. */
    outdated: () => unfinished.size < mostInHand && performance.now() - listedAt >= lookMs,
    /** Look for new marks; several at once are one look. */
    look(): Promise<void> {
      listing ??= list().finally(() => {
        listing = undefined;
      });
      return listing;
    },
    waiting: () => waiting.size,
    /** Up to so many keys, in their order, of which each is in one hand only. */
    take(most: number): Stale[] {
      const taken: Stale[] = [];
      for (const stale of waiting.values()) {
        if (taken.length === most) break;
        if (!busy.has(stale.key)) taken.push(stale);
      }
      for (const stale of taken) {
        stale.asOf = asOf;
        waiting.delete(stale.key);
        busy.add(stale.key);
      }
      // Every statement locks in the order of the keys.
      return taken.sort((one, other) => one.key.localeCompare(other.key));
    },
    /** They were not recomputed: somebody takes them again. */
    giveBack(taken: readonly Stale[]): void {
      for (const { key, others, marks } of taken) {
        busy.delete(key);
        const stale = staleOf(key);
        for (const other of others) stale.others.add(other);
        stale.marks.push(...marks);
        stale.added = undefined;
      }
    },

    /** They are recomputed: clear the marks of which nothing else is left. */
    async done(taken: readonly Stale[]): Promise<void> {
      const cleared: number[] = [];
      for (const mark of taken.flatMap(({ marks }) => marks)) {
        const left = (unfinished.get(mark) as number) - 1;
        unfinished.set(mark, left);
        if (left === 0) cleared.push(mark);
      }
      if (cleared.length > 0) await clearDirty(db, cleared);
      for (const mark of cleared) unfinished.delete(mark);
      for (const { key } of taken) busy.delete(key);
    },
  };
};

/**
 * The handler of a follow-up job: recompute whatever is stale, batch by batch, the longest stale first, until nothing is;
 * with a share of the time, as much as that allows for. A mark is cleared only after the recomputation of all that it
 * names, so a crash at any point costs time, never truth. One run at a time in a process: further ones would only do the
 * same again.
 */
export const followUp = (
  kind: DirtyKind,
  recompute: (keys: StaleKey[], context: Context, run: Run) => Promise<unknown>,
  { share = 1, batchKeys = defaultKeys, crowdKeys = batchKeys, atOnce = 1 }: FollowUpOptions = {},
) => {
  let running = false;
  let notBefore = 0;
  /** Keys of a statement: fewer where they have so long a history that PostgreSQL gives the statement up. */
  let atMost = crowdKeys;

  const work = async (context: Context, run: Run): Promise<void> => {
    const marks = readMarks(context.db, kind);
    const began = performance.now();
    let ending = false;
    let looked = false;
    /** How long since the last rest. */
    let worked = 0;
    /** Of keys that failed by themselves; the others are recomputed all the same. */
    const failures: unknown[] = [];

    const isOver = () => ending || run.signal.aborted;

    const takeSome = (): Stale[] =>
      marks.take(Math.min(atMost, Math.max(batchKeys, Math.floor(marks.waiting() * crowdShare))));
    const take = async (): Promise<Stale[]> => {
      if (share === 1 && marks.outdated()) await marks.look();
      if (share < 1 && marks.waiting() > 0) await rest();
      const taken = isOver() ? [] : takeSome();
      if (taken.length > 0 || isOver() || (share < 1 && looked)) return taken;
      looked = true;
      await marks.look();
      return isOver() ? [] : takeSome();
    };
    /** Wait until the share allows for more; where that is after the run's end, the run is over. */
    const rest = async (): Promise<void> => {
      const ms = Math.max(notBefore - performance.now(), 0);
      if (performance.now() + ms - began >= longestRunMs) ending = true;
      else if (ms > 0) await pause(ms, undefined, { signal: run.signal }).catch(() => {});
    };
    const account = (keys: number, ms: number): void => {
      worked += ms;
      if (worked >= burdenMs) {
        notBefore = performance.now() + worked / share - worked;
        worked = 0;
      }
      atMost = Math.max(1, Math.min(crowdKeys, 2 * keys, Math.floor((keys * longestMs) / ms)));
    };
    const recomputeSome = async (taken: readonly Stale[]): Promise<void> => {
      const keys = taken.flatMap(({ key, others, added, asOf }) => {
        const additions = added && asOf !== undefined ? { rows: added, asOf } : undefined;
        return Array.from(others, (other) => ({ key, other, additions }));
      });
      const from = performance.now();
      try {
        await recompute(keys, context, run);
      } catch (error) {
        if (!isStatementTimeout(error)) throw error;
        if (share < 1) account(taken.length, performance.now() - from);
        atMost = Math.max(1, Math.floor(Math.min(atMost, taken.length) / 4));
        if (taken.length > 1) marks.giveBack(taken);
        else failures.push(error);
        return;
      }
      const ms = performance.now() - from;
      await marks.done(taken);
      if (share < 1) account(taken.length, ms);
      else if (atMost < crowdKeys && ms < easyMs) atMost = Math.min(2 * atMost, crowdKeys);
    };
    const lanes: Promise<void>[] = [];
    let open = 0;
    const start = (): void => {
      open += 1;
      const ended = lane();
      ended.catch(() => {}); // Waited for below.
      lanes.push(ended);
    };
    /**
     * Ends when it finds nothing that nobody else has in hand, or too little while others are under way: whoever has it
     * looks again after that.
     */
    const lane = async (): Promise<void> => {
      try {
        for (let taken = await take(); taken.length > 0; taken = await take()) {
          if (open < atOnce && marks.waiting() >= batchKeys) start();
          await recomputeSome(taken);
          if (open > 1 && marks.waiting() < batchKeys) return;
        }
      } catch (error) {
        ending = true;
        throw error;
      } finally {
        open -= 1;
      }
    };
    start();
    const rejected: unknown[] = [];
    for (let next = lanes.shift(); next; next = lanes.shift())
      await next.catch((error: unknown) => rejected.push(error));
    if (rejected.length > 0) throw rejected[0];
    const [cause] = failures;
    if (cause)
      throw new RetryableError('some keys take PostgreSQL longer than a statement may take', { cause });
  };

  return async (_: z.output<typeof followUpPayload>, context: Context, run: Run): Promise<void> => {
    // What is stale stays marked; the sweep asks again.
    if (running || performance.now() < notBefore) return;
    running = true;
    try {
      await work(context, run);
    } finally {
      running = false;
    }
  };
};

/**
 * Ask for a follow-up soon. Asking while one waits or runs leads to one more run, not to one each. That it may be lost
 * is fine: the sweep looks for stale keys.
 */
export const wake = (producer: Producer, job: FollowUp): Promise<string> =>
  producer.enqueue(job, {}, { delayMs: job.delayMs, coalesce: job.name });

/** Asking is a write that Redis puts on disk: each process does it about so often, and once more for what came between. */
const longestWindowMs = 1_000;
const windows = new WeakMap<Producer, Map<string, { again: boolean }>>();

/** As `wake`, for those who ask all the time and wait for nothing. */
export const wakeSoon = (producer: Producer, job: FollowUp): void => {
  const open = windows.get(producer) ?? new Map<string, { again: boolean }>();
  windows.set(producer, open);
  const window = open.get(job.name);
  if (window) {
    window.again = true;
    return;
  }
  wake(producer, job).catch(() => {});
  if (job.delayMs === 0) return;
  const opened = { again: false };
  open.set(job.name, opened);
  const close = () => {
    open.delete(job.name);
    if (opened.again) wakeSoon(producer, job);
  };
  setTimeout(close, Math.min(job.delayMs, longestWindowMs)).unref();
};
