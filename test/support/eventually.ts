import { setTimeout as delay } from 'node:timers/promises';

/**
 * Wait until `assertion` holds, looking every 25 ms.
 * @throws its last error when it does not within `withinMs`.
 */
export const eventually = async <T>(assertion: () => T | Promise<T>, withinMs = 10_000): Promise<T> => {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(25);
    }
  }
};
