import postgres from 'postgres';
import { DatabaseError, OutageError } from '../errors.ts';
import { arrayTypes } from './array-types.ts';
import { judgeDatabaseError } from './sql-state.ts';

export type Row = Record<string, unknown>;

/** A piece of SQL to be spliced into a query; made by `db.fragment`. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

export interface Db {
  /**
   * Run one statement. Settles within the query deadline, whatever the network does.
   * @throws OutageError when PostgreSQL is away, too slow, or the wait for a connection too long: nothing is known of
   * the statement then, it may have happened. @throws DatabaseError when PostgreSQL refuses it.
   */
  <T extends object = Row>(text: TemplateStringsArray, ...values: readonly Value[]): Promise<T[]>;
  fragment(text: TemplateStringsArray, ...values: readonly Value[]): Fragment;
  end(): Promise<void>;
}

type Value =
  | postgres.ParameterOrFragment<never>
  | readonly string[]
  | readonly number[]
  | boolean
  | undefined
  | unknown;

interface DatabaseOptions {
  poolSize: number;
  /** Deadline of one statement, the wait for a connection included, in milliseconds. */
  queryTimeoutMs: number;
  /** Shown in `pg_stat_activity`. */
  name?: string;
}

/** Statements that may wait for a connection before further ones are refused: bounds memory under overload. */
const maxWaiting = 2_000;

/** PostgreSQL writes `2026-01-31 10:00:00.123456+00` at UTC; RFC 3339 wants a T and a Z, and all six digits are kept. */
const toRfc3339 = (text: string): string => text.replace(' ', 'T').replace(/\+00$/, 'Z');

const connect = (url: string, { poolSize, queryTimeoutMs, name = 'zyra' }: DatabaseOptions) =>
  postgres(url, {
    max: poolSize,
    connect_timeout: 5,
    idle_timeout: 300,
    max_lifetime: 3600,
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 2),
    onnotice: () => {},
    connection: {
      application_name: name,
      TimeZone: 'UTC',
      statement_timeout: Math.max(queryTimeoutMs - 1_000, 500),
      lock_timeout: Math.max(queryTimeoutMs - 2_000, 500),
      idle_in_transaction_session_timeout: 30_000,
    },
    // See `arrayTypes`.
    fetch_types: false,
    types: {
      ...arrayTypes(toRfc3339),
      date: { to: 1184, from: [1114, 1184], serialize: (x: unknown) => x, parse: toRfc3339 },
      // Row ids and counts: far below 2^53.
      bigint: { to: 20, from: [20], serialize: (x: unknown) => String(x), parse: Number },
    } as unknown as Record<string, postgres.PostgresType>,
  });

/**
 * A pool of connections that keeps its promises where the driver does not: at most `poolSize` statements are under way,
 * the others wait in a bounded line, each has a deadline, and a pool in which one got no answer for that long is thrown
 * away, because postgres.js has no way to give up a single connection. (PostgreSQL itself would have ended the statement
 * a second before.)
 */
export const createDatabase = (url: string, options: DatabaseOptions): Db => {
  let pool = connect(url, options);
  let active = 0;
  const waiting: (() => void)[] = [];
  const discarded = new Set<Promise<void>>();

  const discard = (dead: typeof pool) => {
    if (dead !== pool) return;
    pool = connect(url, options);
    const ended = dead.end({ timeout: 0 }).catch(() => {});
    discarded.add(ended);
    void ended.then(() => discarded.delete(ended));
  };

  /** `deadline` and all times here are of the monotonic clock. */
  const take = async (deadline: number) => {
    if (active < options.poolSize) {
      active += 1;
      return;
    }
    if (waiting.length >= maxWaiting) throw new OutageError('too many statements wait for a connection');
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(turn), 1);
        reject(new OutageError('no connection became free in time'));
      }, deadline - performance.now());
      waiting.push(turn);
    });
  };

  const give = () => {
    const next = waiting.shift();
    if (next) next();
    else active -= 1;
  };

  /** Run a statement on a connection that was taken, and give it back once PostgreSQL has answered or never will. */
  const execute = (text: TemplateStringsArray, values: readonly Value[]): Promise<Row[]> => {
    const used = pool;
    let taken = true;
    const release = () => {
      if (!taken) return;
      taken = false;
      clearTimeout(silence);
      give();
    };
    const silence = setTimeout(() => {
      discard(used);
      release();
    }, options.queryTimeoutMs);
    const answer = (async (): Promise<Row[]> => used(text, ...(values as never[])))();
    answer.then(release, release);
    return answer;
  };

  const run = async (text: TemplateStringsArray, values: readonly Value[]): Promise<Row[]> => {
    const deadline = performance.now() + options.queryTimeoutMs;
    await take(deadline);
    let timer: NodeJS.Timeout | undefined;
    try {
      const answer = execute(text, values);
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new OutageError(`no answer from PostgreSQL in ${options.queryTimeoutMs} ms`)),
          deadline - performance.now(),
        );
      });
      return await Promise.race([answer, late]);
    } catch (error) {
      if (error instanceof OutageError) throw error;
      if (judgeDatabaseError(error) === 'outage') {
        throw new OutageError(`PostgreSQL: ${(error as { code: string }).code}`, { cause: error });
      }
      if (error instanceof postgres.PostgresError) throw new DatabaseError(error.code, error.message);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };

  const db = ((text: TemplateStringsArray, ...values: readonly Value[]) => run(text, values)) as Db;
  db.fragment = (text, ...values) => pool(text, ...(values as never[]));
  db.end = async () => {
    await Promise.all([pool.end({ timeout: 1 }), ...discarded]);
  };
  return db;
};
