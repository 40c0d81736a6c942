#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { projectRoot } from '../config.ts';
import { exitCodeOf, exitCodes, oneLine } from './failure.ts';

const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as {
  version: string;
};

/** Together they take a second to load, so only the one that is asked for is, where one is. */
const commands: Record<string, () => Promise<Command>> = {
  import: async () => (await import('./import.ts')).importCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  evaluate: async () => (await import('./evaluate.ts')).evaluateCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  failed: async () => (await import('./failed.ts')).failedCommand(),
  reconcile: async () => (await import('./reconcile.ts')).reconcileCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  model: async () => (await import('./model.ts')).modelCommand(),
};

const program = new Command('zyra')
  .description('Bring data in and out of a zyra system, check it, and put right what failed.')
  .version(version)
  .addHelpText('after', '\nExit codes: 0 done, 1 failed (in part, too), 2 wrong use.');

const asked = new Map(Object.entries(commands)).get(process.argv[2] ?? '');
for (const load of asked ? [asked] : Object.values(commands)) program.addCommand(await load());

const withEveryCommand = (command: Command, change: (command: Command) => void): void => {
  change(command);
  for (const child of command.commands) withEveryCommand(child, change);
};
withEveryCommand(program, (command) => command.exitOverride().showHelpAfterError('(see --help)'));

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what was wrong by itself; help and version are no errors.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  } else {
    process.stderr.write(`zyra: ${oneLine(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
