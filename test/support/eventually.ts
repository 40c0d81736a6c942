import { setTimeout as delay } from 'node:timers/promises';

/**
 * Wait until `assertion` holds, looking every 25 ms, and less often the longer it takes: looking costs time, too.
 * @throws its last error when it does not within `withinMs`.
 */
export const eventually = async <T>(assertion: () => T | Promise<T>, withinMs = 10_000): Promise<T> => {
  const began = Date.now();
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      const waited = Date.now() - began;
      if (waited > withinMs) throw error;
      await delay(Math.min(25 + waited / 20, 500));
    }
  }
};
