import type { Manifest, Shard } from './manifest.ts';

/** The keys of all files of a generation and of a shard. */
export const keysOf = (manifest: Manifest | null, shard: Shard | null = null): string[] =>
  [...(manifest?.shards ?? []), manifest?.delta ?? null, shard].flatMap((part) =>
    part ? [part.faiss.key, part.npy.key, part.ids.key, part.numbers.key] : [],
  );
