#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { projectRoot } from '../config.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { failedCommand } from './failed.ts';
import { exitCodeOf, exitCodes, oneLine } from './failure.ts';
import { importCommand } from './import.ts';
import { keysCommand } from './keys.ts';
import { modelCommand } from './model.ts';
import { reconcileCommand } from './reconcile.ts';

const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('zyra')
  .description('Bring data in and out of a zyra system, check it, and put right what failed.')
  .version(version)
  .addCommand(importCommand())
  .addCommand(exportCommand())
  .addCommand(evaluateCommand())
  .addCommand(doctorCommand())
  .addCommand(failedCommand())
  .addCommand(reconcileCommand())
  .addCommand(keysCommand())
  .addCommand(demoCommand())
  .addCommand(modelCommand())
  .addHelpText('after', '\nExit codes: 0 done, 1 failed (in part, too), 2 wrong use.');

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
