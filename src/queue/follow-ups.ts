import type { z } from 'zod';
import { clearDirty, type DirtyKey, type DirtyKind, listDirty } from '../db/dirty-keys.ts';
import type { FollowUp, followUpPayload } from './define-job.ts';
import type { Context, Run } from './handler.ts';
import type { Producer } from './producer.ts';

/** Marks read at once; the keys they name are recomputed together. */
const batchMarks = 2_000;

/**
 * The handler of a follow-up job: recompute whatever is stale, batch by batch, until nothing is. A mark is cleared only
 * after the recomputation that saw it, so a crash at any point costs time, never truth.
 *
 * @param recompute brings these keys up to date; running it twice must do no harm.
 */
export const followUp =
  (kind: DirtyKind, recompute: (keys: DirtyKey[], context: Context, run: Run) => Promise<unknown>) =>
  async (_: z.output<typeof followUpPayload>, context: Context, run: Run): Promise<void> => {
    while (!run.signal.aborted) {
      const stale = await listDirty(context.db, kind, batchMarks);
      if (stale.length === 0) return;
      await recompute(stale, context, run);
      await clearDirty(
        context.db,
        stale.flatMap(({ seen }) => seen),
      );
    }
  };

/**
 * Ask for a follow-up soon. Asking while one waits or runs leads to one more run, not to one each. That it may be lost
 * is fine: the sweep looks for stale keys.
 */
export const wake = (producer: Producer, job: FollowUp): Promise<string> =>
  producer.enqueue(job, {}, { delayMs: job.delayMs, coalesce: job.name });
