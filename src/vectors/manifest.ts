import { z } from 'zod';

const storedFile = z.strictObject({
  key: z.string(),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** One FAISS file with the same rows beside it as a `.npy`, and what each row is. */
const shard = z.strictObject({
  /** FAISS; the ids in it are row numbers. */
  faiss: storedFile,
  /** The vectors, float32, C order, `count × dim`. */
  npy: storedFile,
  /** The product's UUID of each row as text, `|S36`. */
  ids: storedFile,
  /** The product's number of each row, uint32. */
  numbers: storedFile,
  count: z.int().min(1),
  type: z.enum(['flat', 'ivf']),
  lists: z.int().optional(),
  probes: z.int().optional(),
  /** Recall of its part in the ten nearest against exact search, measured when it was built; 1 for flat. */
  recall: z.number(),
});

export type StoredFile = z.output<typeof storedFile>;
export type Shard = z.output<typeof shard>;

/** A generation of the index: everything a reader needs to load it and to know that it is whole. */
export const manifest = z.strictObject({
  format: z.literal(1),
  generation: z.int().min(1),
  model: z.string(),
  dim: z.int().min(1),
  created_at: z.iso.datetime(),
  /** Base shards by number: a product's is its bucket modulo `shards.length`. Null: no product falls into it. */
  shards: z.array(shard.nullable()).min(1),
  /** Vectors newer than the base shards'; they mask them. Always flat. */
  delta: shard.nullable(),
  /** Different products in all. */
  count: z.int().min(0),
});

export type Manifest = z.output<typeof manifest>;

/** Two shards of the same content are the same shard, wherever their files lie. */
export const sameShard = (a: Shard, b: Shard): boolean =>
  a.faiss.sha256 === b.faiss.sha256 && a.npy.sha256 === b.npy.sha256 && a.numbers.sha256 === b.numbers.sha256;

/** The shards that have rows, the delta first. */
export const shardsOf = ({ delta, shards }: Manifest): Shard[] =>
  [delta, ...shards].filter((shard) => shard !== null);
