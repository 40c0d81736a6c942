import { crc32 } from 'node:zlib';
import type { IndexState, ShardDraft } from '../db/vector-indexes.ts';
import { fallbackModel } from '../embeddings/fallback-model.ts';

/** Products fall into so many buckets by their id, and buckets into shards. */
const buckets = 1_024;
/** A shard is built, loaded and searched in a blink. */
const shardRows = 50_000;

/** The bucket of a product, for ever. */
export const bucketOf = (productId: string): number =>
  crc32(Buffer.from(productId.replaceAll('-', ''), 'hex')) & (buckets - 1);

/** The buckets of a shard. */
export const bucketsOf = (shard: number, shards: number): number[] =>
  Array.from({ length: buckets / shards }, (_, nth) => shard + nth * shards);

/** How many base shards an index of this size has: a power of two. */
export const shardsFor = (vectors: number): number => {
  let shards = 1;
  while (shards < buckets && vectors > shards * shardRows) shards *= 2;
  return shards;
};

/** Changes of a base shard that are worth building it again. Until then they are found in the delta. */
export const worthBuilding = (rows: number): number => Math.max(512, Math.floor(rows / 50));

/** A delta larger than this would be slow to search and to load: base shards have to be built first. */
export const deltaLimit = 50_000;

/** Whether vectors by this model may take over from those being served. */
export const takesOver = (model: string, serving: string | null): boolean =>
  serving === null || (model !== fallbackModel && serving === fallbackModel);

/** The next generation: how many base shards, and which drafts become some of them. */
export interface Layout {
  shards: number;
  drafts: ShardDraft[];
}

/**
 * Which division into base shards the next generation has. A new division needs all of its shards, each at least as new as
 * what has been dropped from the changes; until they are there the old one stays.
 */
export const layoutOf = ({
  vectors,
  manifest,
  seen,
  drafts,
}: Pick<IndexState, 'vectors' | 'manifest' | 'seen' | 'drafts'>): Layout => {
  const wanted = wantedShards({ vectors, manifest });
  const current = manifest?.shards.length ?? wanted;
  const usable = usableDrafts({ manifest, seen, drafts }, wanted);
  if (wanted === current) return { shards: current, drafts: usable };
  return usable.length === wanted ? { shards: wanted, drafts: usable } : { shards: current, drafts: [] };
};

/** How many base shards there should be. A few vectors less do not change it back. */
export const wantedShards = ({ vectors, manifest }: Pick<IndexState, 'vectors' | 'manifest'>): number => {
  const fitting = shardsFor(vectors);
  const current = manifest?.shards.length ?? fitting;
  return fitting < current && fitting * 4 > current ? current : fitting;
};

/** The drafts of this division that hold at least what was dropped from the changes. */
export const usableDrafts = (
  { manifest, seen, drafts }: Pick<IndexState, 'manifest' | 'seen' | 'drafts'>,
  shards: number,
): ShardDraft[] => {
  const newest = Math.max(0, ...seen);
  const same = manifest?.shards.length === shards;
  return drafts.filter(
    (draft) => draft.shards === shards && draft.seen >= (same ? (seen[draft.shard] ?? 0) : newest),
  );
};
