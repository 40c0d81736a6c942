import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from './child.ts';

interface KeepRunning<C extends Child> {
  name: string;
  /** Called again after every unexpected end, with what ran before. The signal says that it is no longer wanted. */
  start: (before: C | undefined, signal: AbortSignal) => Promise<C>;
  log: (line: string) => void;
  /** From when it is aborted on, nothing is started any more; what runs goes on until `stop`. */
  signal?: AbortSignal | undefined;
}

export interface Kept<C extends Child> {
  /** What runs now, or ran last. */
  current(): C;
  /** End it in order; it is not started again. `hurry` ends it by force. */
  stop(options?: { hurry?: boolean }): Promise<void>;
}

/** Longer than this, and the next end is no longer part of the same trouble. */
const steadyMs = 30_000;

/**
 * Start something and start it again whenever it ends by itself: after a second at first, after ten in the end.
 * @throws when the very first start fails.
 */
export const keepRunning = async <C extends Child>(options: KeepRunning<C>): Promise<Kept<C>> => {
  const { name, start, log } = options;
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ...(options.signal ? [options.signal] : [])]);
  let current = await start(undefined, signal);

  const restart = async (): Promise<void> => {
    let waitMs = 1_000;
    while (true) {
      const began = Date.now();
      const exit = await current.exited;
      if (signal.aborted) return;
      if (Date.now() - began > steadyMs) waitMs = 1_000;
      log(`${name} ${exit}; starting it again in ${waitMs / 1000} s`);
      while (true) {
        await pause(waitMs, undefined, { signal });
        waitMs = Math.min(waitMs * 2, 10_000);
        try {
          current = await start(current, signal);
          break;
        } catch (error) {
          if (signal.aborted) return;
          log(`${name}: ${(error as Error).message}; trying again in ${waitMs / 1000} s`);
        }
      }
    }
  };
  const watching = restart().catch((error: Error) => {
    if (error.name !== 'AbortError') throw error;
  });

  return {
    current: () => current,
    stop: async ({ hurry = false } = {}) => {
      stopping.abort();
      if (hurry) current.kill('SIGKILL');
      await current.stop();
      await watching;
      // A start that was under way has ended in something that now has to go as well.
      await current.stop();
    },
  };
};
