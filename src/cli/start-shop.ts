import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Db } from '../db/database.ts';
import { anyDirty } from '../db/dirty-keys.ts';
import { loadDemoShop } from '../demo/load.ts';

/** Shows how far a long step is: one line that changes on a terminal, one line every tenth of the way elsewhere. */
const showProgress = (title: string) => {
  const { stdout } = process;
  let shown = -1;
  return {
    update: (done: number, total: number, what: string) => {
      const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
      const step = stdout.isTTY ? percent : Math.floor(percent / 10);
      if (step === shown) return;
      shown = step;
      const line = `  ${title}: ${String(percent).padStart(3)} %  ${what}`;
      stdout.write(stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end: () => {
      if (stdout.isTTY && shown >= 0) stdout.write('\n');
    },
  };
};

/**
 * Load the demo shop at the first start of this data, or decide for good that there is to be none. `marker` remembers
 * that it was decided: a shop that somebody emptied, or wanted empty, is not filled behind their back.
 */
export const ensureShop = async (
  databaseUrl: string,
  { marker, empty }: { marker: string; empty: boolean },
): Promise<void> => {
  if (existsSync(marker)) return;
  if (!empty) {
    const progress = showProgress('demo shop');
    await loadDemoShop(databaseUrl, { onProgress: progress.update }).finally(progress.end);
  }
  await writeFile(marker, empty ? 'empty\n' : 'demo\n');
};

/** What a worker needs for its first count, many times over; a shop whose workers cannot count is up all the same. */
const countedWithinMs = 30_000;

/**
 * Wait until a shop whose popularity is to be counted knows of something popular, which a freshly loaded one does not for a
 * few seconds: whoever pastes the README's lines would ask for the most popular product and get none.
 */
export const untilCounted = async (db: Db, signal: AbortSignal): Promise<void> => {
  const deadline = performance.now() + countedWithinMs;
  while (performance.now() < deadline) {
    const counted = await db`select from product_popularity limit 1`;
    if (counted.length > 0 || !(await anyDirty(db, 'popularity'))) return;
    await pause(50, undefined, { signal });
  }
};
