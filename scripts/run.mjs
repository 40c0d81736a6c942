import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What can only be mended by a person: shown as it is, without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

/**
 * Run a program to its end, without a shell and without input.
 * @returns its standard output.
 * @throws SetupError with what it said when it could not start, failed, or took longer than `timeoutMs`.
 */
export const run = (program, args, { cwd = root, env = process.env, timeoutMs } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeoutMs ? { timeout: timeoutMs, killSignal: 'SIGKILL' } : {}),
    });
    let stdout = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      said += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const fail = (how) => {
      const lines = said.trim().split('\n');
      const shown = lines.length > 40 ? [...lines.slice(0, 20), '…', ...lines.slice(-20)] : lines;
      reject(new SetupError(`\`${program} ${args.slice(0, 3).join(' ')}\` ${how}:\n${shown.join('\n')}`));
    };
    child.once('error', (error) => fail(error.code === 'ENOENT' ? 'is not installed' : error.message));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else fail(signal ? `was ended by ${signal}` : `failed with exit code ${code}`);
    });
  });

/** Whether a program runs and exits with 0. */
export const succeeds = (program, args, options) =>
  run(program, args, options).then(
    () => true,
    () => false,
  );

/** Do something that takes a while and say so: what it is, now and then how long it has been at it, and the end. */
export const step = async (what, work) => {
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  process.stdout.write(`  ${what} …\n`);
  const ticker = setInterval(() => process.stdout.write(`  … still at it: ${what} (${seconds()})\n`), 10_000);
  try {
    const result = await work();
    process.stdout.write(`  ${what}: done in ${seconds()}\n`);
    return result;
  } finally {
    clearInterval(ticker);
  }
};
