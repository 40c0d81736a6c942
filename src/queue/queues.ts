/** Jobs whose events may go into the database together; how many statements there are at once is another matter. */
const gathered = { concurrency: 32 };

/**
 * One queue per speed, so that a slow kind never starves a quick one. `concurrency` is per worker process; those that
 * compute run one at a time.
 */
const settings = {
  interactions: gathered,
  purchases: gathered,
  reviews: gathered,
  catalog: gathered,
  users: gathered,
  embeddings: { concurrency: 1 },
  index: { concurrency: 1 },
  // Apart from `index`: an edit is published while a large shard is being built.
  shards: { concurrency: 1 },
  recommendations: {},
  training: { concurrency: 1 },
  aggregates: {},
  upkeep: {},
  audit: {},
} as const satisfies Record<string, { concurrency?: number }>;

export type QueueName = keyof typeof settings;

export const queues: Record<QueueName, { concurrency?: number }> = settings;

export const queueNames = Object.keys(queues) as QueueName[];

/** Every queue's keys share one hash tag, so that Redis Cluster keeps them in one slot and can spread the queues. */
export const queuePrefix = (prefix: string, queue: QueueName): string => `{${prefix}:${queue}}`;
