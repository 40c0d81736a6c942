import type { Redis } from 'ioredis';
import type { z } from 'zod';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Config } from '../config.ts';
import type { Db } from '../db/database.ts';
import type { Embedders } from '../embeddings/embedder.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { ListMaker } from '../serving/list-maker.ts';
import type { ShardBuilder } from '../vectors/shard-builder.ts';
import type { VectorIndex } from '../vectors/vector-index.ts';
import type { EventJob, Job } from './define-job.ts';
import type { IntakeAccount } from './intake-account.ts';
import type { Producer } from './producer.ts';
import type { Sealer } from './secrets.ts';

/** What handlers work with; handed to them, so that they know nothing of BullMQ or of the process they run in. */
export interface Context {
  readonly db: Db;
  readonly producer: Producer;
  readonly account: IntakeAccount;
  readonly config: Config;
  readonly metrics: Metrics;
  /** To open what was sealed at the door. */
  readonly sealer: Sealer;
  readonly eventJobs: readonly EventJob[];
  /** The Redis of the served lists. */
  readonly cache: Redis;
  readonly artifacts: ArtifactStore;
  readonly embedders: Embedders;
  readonly shards: ShardBuilder;
  readonly vectors: VectorIndex;
  readonly lists: ListMaker;
}

/** What concerns this one run of a job. */
export interface Run {
  readonly jobId: string;
  /** 1 for the first try. Outages do not count. */
  readonly attempt: number;
  /** How often a worker has begun this job; more than `attempt` when workers died in it. */
  readonly starts: number;
  readonly log: Log;
  /** Aborts when the process is stopping: give up what can be done again. */
  readonly signal: AbortSignal;
}

/** May run twice for one job; ends in a state that running again would leave as it is. Throwing is a retry. */
export type Handler<J extends Job> = (
  payload: z.output<J['payload']>,
  context: Context,
  run: Run,
) => Promise<void>;

/** A handler for every job: one that is missing does not compile. */
export type Handlers<Jobs extends Record<string, Job>> = { [Name in keyof Jobs]: Handler<Jobs[Name]> };
