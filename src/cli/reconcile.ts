import { Command } from 'commander';
import { createLog } from '../log.ts';
import { connectParts } from '../parts.ts';
import { reconcile } from '../reconcile.ts';
import { findConfig } from './connection.ts';
import { exitCodes } from './failure.ts';
import { printTable } from './table.ts';

interface ReconcileOptions {
  dryRun?: boolean;
  json?: boolean;
}

export const reconcileCommand = (): Command =>
  new Command('reconcile')
    .description(
      'compare ratings, votes, popularity and what else is counted with a full recount, and repair it',
    )
    .option('--dry-run', 'only compare')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nThe worker does this every night. Ends with 1 when something differed.')
    .action(run);

const run = async ({ dryRun = false, json }: ReconcileOptions): Promise<void> => {
  const { config } = await findConfig();
  const parts = await connectParts(config, createLog('cli', 'silent'), 'cli');
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGINT', stop);
  try {
    const results = await reconcile(parts, { dryRun, signal: stopping.signal });
    if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
    else {
      printTable(
        ['what', 'checked', 'differed', dryRun ? 'such as' : 'repaired, such as'],
        results.map(({ name, checked, differed, examples }) => [
          name,
          String(checked),
          String(differed),
          examples[0] ?? '',
        ]),
      );
    }
    if (results.some(({ differed }) => differed > 0)) process.exitCode = exitCodes.failed;
  } finally {
    process.off('SIGINT', stop);
    await parts.close();
  }
};
