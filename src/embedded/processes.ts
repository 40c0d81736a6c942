import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The command line of a process, undefined when there is none by that id or it is only waiting to be reaped. */
export const commandOf = async (pid: number): Promise<string | undefined> => {
  const text =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      : await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).then(
          ({ stdout }) => stdout.trim(),
          () => '',
        );
  return text === '' ? undefined : text;
};

/** It may have ended by itself just now. */
const send = (pid: number, signal: NodeJS.Signals) => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/** Ask a process to end, even a stopped one, which would not take notice before it continues. */
export const askToEnd = (pid: number, signal: NodeJS.Signals): void => {
  send(pid, signal);
  send(pid, 'SIGCONT');
};

interface Orphan {
  pidFile: string;
  /** What the command line must contain: an id in an old file may belong to something else by now. */
  mention: string;
  endSignal: NodeJS.Signals;
  /** Patience before SIGKILL, in milliseconds. */
  endDeadlineMs: number;
}

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/**
 * End the server that a killed supervisor left behind, in order, and wait until it is gone.
 * @returns whether the id in the file still exists: as another program's, or of a dead process nobody has reaped.
 */
export const endOrphan = async ({ pidFile, mention, endSignal, endDeadlineMs }: Orphan): Promise<boolean> => {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return false;
  const lives = async () => (await commandOf(pid))?.includes(mention) ?? false;
  if (await lives()) askToEnd(pid, endSignal);
  const patience = Date.now() + endDeadlineMs;
  let killed = false;
  while (await lives()) {
    if (Date.now() > patience && !killed) {
      send(pid, 'SIGKILL');
      killed = true;
    }
    // Nobody is told of the end of a process that is not a child.
    await pause(50);
  }
  return exists(pid);
};
