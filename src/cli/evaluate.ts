import { Command, InvalidArgumentError } from 'commander';
import type { EvaluateOptions } from './evaluate-run.ts';

const atLeast =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`must be a whole number from ${least}`);
    return value;
  };

export const evaluateCommand = (): Command =>
  new Command('evaluate')
    .description('how good lists of each type would have been: hide what users did last, and look for it')
    .option(
      '--events <files...>',
      'evaluate on these NDJSON files (gzip too) instead of the system’s own data',
    )
    .option(
      '--test <file>',
      'ask for what this JSON file names, { user: [products] }, and learn from all events',
    )
    .option('--at <time>', 'learn from what was before this time, and ask for what came after it')
    .option('--database <url>', 'address of PostgreSQL (default: the running `npm start`, else DATABASE_URL)')
    .option('--k <n>', 'length of the lists', atLeast(1), 20)
    .option('--users <n>', 'ask for so many users at most', atLeast(1), 2_000)
    .option('--budget <seconds>', 'for choosing parameters; 0 takes the defaults', atLeast(0), 120)
    .option('--seed <n>', 'of what is drawn', atLeast(0), 1)
    .option('--no-content', 'leave out the lists that need vectors of the products')
    .option('--grid [grid]', `try every combination as well, such as 'b=0.5,1;c=0.2,0.5;share=0,0.35'`)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Without --test and --at the newest fifth of what each user did is hidden; at random, where the times carry no order.
Parameters are chosen on a part of what is left, never on what is asked for. The grid shows what is asked for by every
combination: a choice made from it looks better than it is. Of the system's own data only the last of several equal deeds
has its time, so --at may count as new what a user had seen before.`,
    )
    .action(async (options: EvaluateOptions) => {
      // Loads ONNX Runtime, which no other command needs.
      const { evaluate } = await import('./evaluate-run.ts');
      await evaluate(options);
    });
