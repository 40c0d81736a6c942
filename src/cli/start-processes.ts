import { join } from 'node:path';
import { eventJobs } from '../../jobs/index.ts';
import { projectRoot } from '../config.ts';
import { type Child, launch, untilReady } from '../embedded/child.ts';
import { type Kept, keepRunning } from '../embedded/keep-running.ts';
import { type QueueName, queueNames } from '../queue/queues.ts';

interface ProcessesOptions {
  env: NodeJS.ProcessEnv;
  /** Where the API will answer. */
  apiUrl: string;
  logDir: string;
  /** What a process gets to finish its work, in milliseconds. */
  shutdownMs: number;
  log: (line: string) => void;
  signal: AbortSignal;
}

export interface Processes {
  /** End the API, then scheduler and workers. `hurry` ends them by force. */
  stop(options: { hurry: boolean }): Promise<void>;
}

/**
 * Events are applied in one process and what follows from them is made in another: whatever is computed there, the next
 * events are not held up. Where the settings name queues, one process for those.
 */
export const workerGroups = ({ WORKER_QUEUES: named }: NodeJS.ProcessEnv): [string, readonly string[]][] => {
  if (named && named !== 'all') return [['worker', [named]]];
  const intake = new Set<QueueName>(eventJobs.map(({ queue }) => queue));
  return [
    ['worker-intake', [...intake]],
    ['worker', queueNames.filter((queue) => !intake.has(queue))],
  ];
};

const untilAnswers = async (url: string): Promise<void> => {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (status !== 200) throw new Error(`${url} answers ${status}`);
};

/**
 * Start workers, scheduler and API as processes of their own, and keep them running.
 * @throws with the end of its log when one does not come up; the others have been stopped then.
 */
export const startProcesses = async (options: ProcessesOptions): Promise<Processes> => {
  const { env, apiUrl, logDir, shutdownMs, log, signal: stopped } = options;
  const start = (
    name: string,
    {
      own,
      answers,
      program = name,
    }: { own?: NodeJS.ProcessEnv; answers?: () => Promise<void>; program?: string } = {},
  ) =>
    keepRunning<Child>({
      name,
      log,
      signal: stopped,
      start: async (_before, signal) => {
        const logFile = join(logDir, `${name}.log`);
        const child = await launch({
          program: process.execPath,
          args: ['--enable-source-maps', join(projectRoot, `dist/src/${program}-main.js`)],
          env: { ...env, ...own },
          cwd: projectRoot,
          logFile,
          ipc: true,
          endSignal: 'SIGTERM',
          // Beyond its own deadline, at which it gives up by itself.
          endDeadlineMs: shutdownMs + 4_000,
        });
        const attempt = answers ?? (() => child.announced);
        await untilReady(child, { name, logFile, attempt, deadlineMs: 60_000, signal });
        return child;
      },
    });

  const outcomes = await Promise.allSettled([
    start('api', { answers: () => untilAnswers(`${apiUrl}/readyz`) }),
    start('scheduler'),
    ...workerGroups(env).map(([name, queues]) =>
      start(name, { program: 'worker', own: { WORKER_QUEUES: queues.join() } }),
    ),
  ]);
  const [api, ...others] = outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value : undefined,
  );
  const stop = async ({ hurry }: { hurry: boolean }) => {
    const end = (kept: Kept<Child> | undefined) => kept?.stop({ hurry });
    await end(api);
    await Promise.all(others.map(end));
  };
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) {
    await stop({ hurry: false });
    throw failure.reason;
  }
  return { stop };
};
