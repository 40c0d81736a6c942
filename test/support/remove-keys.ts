import { Redis } from 'ioredis';

/** Delete every key of one system from the Redis the tests share. */
export const removeKeys = async (url: string, prefix: string): Promise<void> => {
  const redis = new Redis(url);
  try {
    const keys: string[] = [];
    for await (const found of redis.scanStream({ match: `{${prefix}:*`, count: 1_000 })) keys.push(...found);
    if (keys.length > 0) await redis.unlink(...keys);
  } finally {
    redis.disconnect();
  }
};
