import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { askToEnd } from './processes.ts';

/** How a process ended; for a person to read. */
export type Exit = string;

export interface Child {
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Settles with the first message over the channel that `ipc` opens. */
  readonly announced: Promise<unknown>;
  /** Send a signal as it is; nothing when the process has ended. */
  kill(signal: NodeJS.Signals): void;
  /** End it in order, by force after its deadline. Resolves when it is gone, at once when it already is. */
  stop(): Promise<void>;
}

interface Launch {
  program: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  cwd?: string;
  /** Takes the output; begun anew at the next start once it has grown past 16 MiB, one older file is kept. */
  logFile: string;
  /** Opens a channel whose end tells the child that we are gone, however we went. */
  ipc?: boolean;
  /** What asks this program for an orderly end. */
  endSignal: NodeJS.Signals;
  endDeadlineMs: number;
}

const openLog = (file: string): number => {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 16 * 1024 * 1024) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
};

/**
 * Start a program in a session of its own: Ctrl-C in a terminal reaches only us, and we end our children in order. Its
 * output goes straight to a file, so that neither a slow nor a dead parent holds it up.
 * @throws when the program cannot be started.
 */
export const launch = async (options: Launch): Promise<Child> => {
  const { program, args, env, logFile, ipc = false, endSignal, endDeadlineMs, uid, gid, cwd } = options;
  const log = openLog(logFile);
  let child: ChildProcess;
  try {
    const stdio: StdioOptions = ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log];
    const identity = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
    child = spawn(program, args, { env, stdio, detached: true, cwd: cwd ?? '/', ...identity });
    const exited = once(child, 'exit').then(([code, signal]: (string | number | null)[]) =>
      signal ? `was ended by ${signal}` : `ended with exit code ${code}`,
    );
    exited.catch(() => {});
    const announced = new Promise((resolve) => child.once('message', resolve));
    await once(child, 'spawn');
    // A message that cannot be delivered any more is reported here; the exit follows.
    child.on('error', () => {});
    return {
      pid: child.pid as number,
      exited,
      announced,
      ...controls(child, exited, endSignal, endDeadlineMs),
    };
  } finally {
    closeSync(log);
  }
};

const controls = (
  child: ChildProcess,
  exited: Promise<Exit>,
  endSignal: NodeJS.Signals,
  deadlineMs: number,
) => {
  const running = () => child.exitCode === null && child.signalCode === null;
  return {
    kill: (signal: NodeJS.Signals) => {
      if (running()) child.kill(signal);
    },
    stop: async () => {
      if (running()) askToEnd(child.pid as number, endSignal);
      const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      await exited;
      clearTimeout(timer);
    },
  };
};

interface Readiness {
  name: string;
  logFile: string;
  /** One attempt to use the server; throws while it is not ready. */
  attempt: () => Promise<unknown>;
  deadlineMs: number;
  /** Ends the waiting, and the child with it. */
  signal?: AbortSignal | undefined;
}

/**
 * Wait until a server answers.
 * @throws with the end of its log when it ended instead, did not answer in time or was no longer wanted; it has been
 * stopped then.
 */
export const untilReady = async (child: Child, readiness: Readiness): Promise<void> => {
  const { name, logFile, attempt, deadlineMs, signal } = readiness;
  const givenUp = new AbortController();
  const timeout = pause(deadlineMs, `did not answer within ${deadlineMs / 1000} s`, {
    signal: givenUp.signal,
  });
  const aborted = new Promise<string>((resolve) => {
    const tell = () => resolve('was stopped while it started');
    if (signal?.aborted) tell();
    signal?.addEventListener('abort', tell, { signal: givenUp.signal });
  });
  const over = Promise.race([child.exited, timeout, aborted]);
  over.catch(() => {});
  const ready = 'ready';
  let cause: unknown;
  try {
    while (true) {
      const answer = attempt().then(
        () => ready,
        (error: unknown) => {
          cause = error;
          // A refused connection does not say when the next one will not be.
          return pause(30, undefined, { signal: givenUp.signal }).catch(() => undefined);
        },
      );
      const outcome = await Promise.race([over, answer]);
      if (outcome === ready) return;
      if (outcome === undefined) continue;
      await child.stop();
      const tail = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-12).join('\n');
      throw new Error(`${name} ${outcome}. The end of ${logFile}:\n${tail}`, { cause });
    }
  } finally {
    givenUp.abort();
  }
};
