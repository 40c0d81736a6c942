import { insertAudit } from './db/audit.ts';
import { type Aggregate, aggregates } from './db/reconcile.ts';
import { RetryableError } from './errors.ts';
import type { Context } from './queue/handler.ts';

/** What was compared, how much of it differed, and some keys of what did. */
export interface Comparison {
  name: string;
  checked: number;
  differed: number;
  examples: string[];
}

/** Rows compared by one statement: small enough that none of them takes long, nor locks much. */
const batchRows = 1_000;
const maxExamples = 10;

interface Reconciliation {
  /** Only compare: write nothing, not even an entry into the audit. */
  dryRun: boolean;
  signal: AbortSignal;
}

const compare = async (
  aggregate: Aggregate,
  { db, config }: Context,
  { dryRun, signal }: Reconciliation,
): Promise<Comparison> => {
  const result: Comparison = { name: aggregate.name, checked: 0, differed: 0, examples: [] };
  let after: string | undefined;
  for (;;) {
    if (signal.aborted) throw new RetryableError('the comparison was stopped; it begins again');
    const { checked, last, wrong } = await aggregate.look(db, after, batchRows, config.EVENT_WEIGHTS);
    result.checked += checked;
    result.differed += wrong.length;
    for (const { key } of wrong.slice(0, maxExamples - result.examples.length)) result.examples.push(key);
    if (wrong.length > 0 && !dryRun) await aggregate.repair(db, wrong, config.EVENT_WEIGHTS);
    if (last === null || checked < batchRows) return result;
    after = last;
  }
};

/**
 * Compare every aggregate with a full recount, a batch of rows at a time, and put right what differs. Differences are
 * audited and counted: normally there is none. Running it twice, or two at once, does no harm.
 */
export const reconcile = async (context: Context, options: Reconciliation): Promise<Comparison[]> => {
  const { db, metrics } = context;
  const results: Comparison[] = [];
  for (const aggregate of aggregates) results.push(await compare(aggregate, context, options));
  if (options.dryRun) return results;

  for (const { name, differed } of results) metrics.differences.inc({ aggregate: name }, differed);
  const differed = results.filter((result) => result.differed > 0);
  await insertAudit(db, {
    component: 'reconcile',
    severity: differed.length > 0 ? 'warning' : 'info',
    message: differed.length > 0 ? 'aggregates differed and were repaired' : 'aggregates equal a recount',
    payload: {
      checked: Object.fromEntries(results.map(({ name, checked }) => [name, checked])),
      differed: Object.fromEntries(
        differed.map((result) => [result.name, { count: result.differed, examples: result.examples }]),
      ),
    },
  });
  return results;
};
