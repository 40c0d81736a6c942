import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { prefix } from './system.ts';

/** Where the jobs of one of our queues are, without the last part of the key. */
export const ownQueue = (name: string): string => `{${prefix}:${name}}:${name}`;

/** Wait until no job of these queues waits or runs. */
export const untilDrained = async (redis: Redis, queues: readonly string[]): Promise<void> => {
  for (;;) {
    const lengths = await Promise.all(
      queues.flatMap((queue) => [redis.llen(`${queue}:wait`), redis.llen(`${queue}:active`)]),
    );
    if (lengths.every((length) => length === 0)) return;
    await delay(20);
  }
};
