import type { z } from 'zod';
import { clearDirty, type DirtyKey, type DirtyKind, listDirty } from '../db/dirty-keys.ts';
import type { FollowUp, followUpPayload } from './define-job.ts';
import type { Context, Run } from './handler.ts';
import type { Producer } from './producer.ts';

/** Marks read at once: many, because a busy key has many and is recomputed once for all of them. */
const batchMarks = 200_000;
/** Keys recomputed by one statement: few, because each may have a long history. */
const defaultKeys = 200;
/** A pass shorter than this is no burden, whatever its share. */
const burdenMs = 20;

interface FollowUpOptions {
  /** The share of the time that recomputing may take at most; what is stale waits for the rest of it. */
  share?: number;
  /** Keys recomputed by one statement. */
  batchKeys?: number;
  /** Batches under way at once: while the database works on one, threads work on another. */
  atOnce?: number;
}

type Stale = Awaited<ReturnType<typeof listDirty>>;

/**
 * The handler of a follow-up job: recompute whatever is stale, batch by batch, the longest stale first, until nothing is.
 * A mark is cleared only after the recomputation that saw it, so a crash at any point costs time, never truth. One run at
 * a time in a process: further ones would only do the same again.
 */
export const followUp = (
  kind: DirtyKind,
  recompute: (keys: DirtyKey[], context: Context, run: Run) => Promise<unknown>,
  { share = 1, batchKeys = defaultKeys, atOnce = 1 }: FollowUpOptions = {},
) => {
  let running = false;
  let notBefore = 0;

  const work = async (context: Context, run: Run): Promise<void> => {
    let stale: Stale = [];
    let listedAt: number | undefined;
    let ending = false;
    /** What is being recomputed: marks made since then are for the next time. */
    const busy = new Set<string>();
    let listing: Promise<void> | undefined;

    /** Look for more; ends the run when its share of the time is used up. */
    const list = async (): Promise<void> => {
      const now = performance.now();
      const took = now - (listedAt ?? now);
      if (share < 1 && took >= burdenMs) {
        notBefore = now + took * (1 / share - 1);
        ending = true;
        return;
      }
      listedAt = now;
      for (;;) {
        // Of a key that was busy at the beginning, marks may be listed that its hands have cleared since.
        const before = new Set(busy);
        const listed = await listDirty(context.db, kind, batchMarks);
        stale = listed.filter(({ key }) => !before.has(key));
        if (stale.length > 0 || !listed.some(({ key }) => !busy.has(key))) return;
      }
    };
    const take = async (): Promise<Stale> => {
      if (stale.length === 0) {
        listing ??= list().finally(() => {
          listing = undefined;
        });
        await listing;
      }
      if (ending || run.signal.aborted) return [];
      // All marks of a key are in the same hands, and every statement locks in the order of the keys.
      let end = Math.min(batchKeys, stale.length);
      while (end > 0 && end < stale.length && stale[end]?.key === stale[end - 1]?.key) end += 1;
      return stale.splice(0, end).sort((one, other) => one.key.localeCompare(other.key));
    };
    /** Ends when it finds nothing that nobody else has in hand; whoever has it looks again after that. */
    const lane = async (): Promise<void> => {
      for (let keys = await take(); keys.length > 0; keys = await take()) {
        for (const { key } of keys) busy.add(key);
        await recompute(keys, context, run);
        await clearDirty(
          context.db,
          keys.flatMap(({ seen }) => seen),
        );
        for (const { key } of keys) busy.delete(key);
      }
    };
    const lanes = Array.from({ length: atOnce }, () =>
      lane().catch((error: unknown) => {
        ending = true;
        throw error;
      }),
    );
    for (const one of await Promise.allSettled(lanes)) if (one.status === 'rejected') throw one.reason;
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
