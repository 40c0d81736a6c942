import { readFileSync, rmSync } from 'node:fs';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run, SetupError } from './run.mjs';

/** What a process was started as; undefined when there is none by that id. An id alone may long be another's. */
const commandOf = async (pid) =>
  process.platform === 'linux'
    ? readFile(`/proc/${pid}/cmdline`, 'utf8').then(
        (text) => text || undefined,
        () => undefined,
      )
    : run('ps', ['-o', 'command=', '-p', String(pid)]).then(
        (text) => text.trim() || undefined,
        () => undefined,
      );

/**
 * Hold `file` for as long as this process lives. A lock whose holder died, however it died, counts for nothing.
 * @throws SetupError naming the holder.
 */
export const takeLock = async (file, what) => {
  const own = `${file}.${process.pid}`;
  const mine = JSON.stringify({ pid: process.pid, command: await commandOf(process.pid) });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(own, mine);
  try {
    while (true) {
      // A link appears with its content or not at all; so nobody reads a lock half written.
      const taken = await link(own, file).then(
        () => true,
        (error) => {
          if (error.code !== 'EEXIST') throw error;
        },
      );
      if (taken) break;
      const holder = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
      if (holder && (await commandOf(holder.pid)) === holder.command) {
        throw new SetupError(`${what} is already running here (process ${holder.pid}).`);
      }
      await rm(file, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
  process.once('exit', () => {
    if (readFileSync(file, 'utf8') === mine) rmSync(file);
  });
};
