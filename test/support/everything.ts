import { Redis } from 'ioredis';
import type { Db } from '../../src/db/database.ts';

/** Every row of every table as text, each with the name of its table. */
export const dumpTables = async (db: Db): Promise<string[]> => {
  await db`
    create or replace function dump_of(name text) returns setof text language plpgsql as
    $$ begin return query execute format('select row_to_json(x)::text from %I x', name); end $$`;
  const rows = await db<{ name: string; content: string }>`
    select t.table_name as name, content
    from information_schema.tables t, dump_of(t.table_name) as content
    where t.table_schema = 'public' and t.table_type = 'BASE TABLE'`;
  return rows.map(({ name, content }) => `${name} ${content}`);
};

/** Every key of a Redis instance with what it holds, as text. */
export const dumpRedis = async (url: string): Promise<string[]> => {
  const redis = new Redis(url);
  const read: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, '0', '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  };
  try {
    const keys: string[] = [];
    for await (const found of redis.scanStream({ count: 1_000 })) keys.push(...found);
    return await Promise.all(
      keys.map(async (key) => `${key} ${JSON.stringify(await read[await redis.type(key)]?.(key))}`),
    );
  } finally {
    redis.disconnect();
  }
};
