import { v7 as uuidv7 } from 'uuid';
import { findShardSource, insertShardDraft } from '../db/vector-indexes.ts';
import type { Context } from '../queue/handler.ts';
import { bucketsOf } from './index-plan.ts';
import { gatherBuckets } from './shard-rows.ts';

/** Build a base shard and keep it as a draft, to be published. Holds no more in memory than this one shard. */
export const buildShardDraft = async (
  { db, shards: builder }: Pick<Context, 'db' | 'shards'>,
  { model, shards, shard }: { model: string; shards: number; shard: number },
): Promise<void> => {
  const buckets = bucketsOf(shard, shards);
  const source = await findShardSource(db, { model, buckets });
  if (!source) return;
  const { dim, rows: expected, seen } = source;
  const rows = await gatherBuckets(db, { model, dim, buckets, expected });
  const files =
    rows.numbers.length === 0
      ? null
      : await builder.build(`index/${model}/${uuidv7()}/shard-${shard}-of-${shards}`, {
          ...rows,
          ofShards: shards,
        });
  await insertShardDraft(db, { model, shards, shard, seen, files });
};
