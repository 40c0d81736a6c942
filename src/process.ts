import { type Config, ConfigError, loadConfig } from './config.ts';
import { createLog } from './log.ts';
import { connectParts, type Parts } from './parts.ts';
import { auditProcess } from './process-audit.ts';

/** What a running process gives back: how to stop what it does, in order. The parts are closed after it. */
export interface Running {
  stop(): Promise<void>;
}

/**
 * Run one process of the system from start to exit: read the config, connect, start, say so, stop in order on SIGTERM,
 * SIGINT or when the parent is gone. Start and stop are audited.
 *
 * An error nobody caught ends the process at once: postgres.js can throw from where no caller can catch, and going on
 * with a half-broken connection is worse than being started again. Every job survives that.
 */
export const runProcess = async (name: string, start: (parts: Parts) => Promise<Running>): Promise<void> => {
  let config: Config;
  try {
    config = loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
  const log = createLog(name, config.LOG_LEVEL);
  const die = (why: string) => (error: unknown) => {
    log.fatal({ err: error, msg: why });
    process.exit(1);
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));

  let stopping = false;
  let parts: Parts | undefined;
  let running: Running | undefined;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal, msg: 'stopping' });
    setTimeout(
      die('did not stop in time'),
      config.SHUTDOWN_TIMEOUT_MS + 2_000,
      new Error('shutdown deadline'),
    ).unref();
    const audited = parts && auditProcess(parts, name).stopping(signal);
    await running?.stop();
    await audited;
    await parts?.close();
    log.info({ msg: 'stopped' });
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  // The supervisor of `npm start` was killed: without it nobody would end us.
  if (process.connected) process.on('disconnect', () => void stop('disconnect'));

  try {
    parts = await connectParts(config, log, name);
    running = await start(parts);
  } catch (error) {
    log.fatal({ err: error, msg: 'could not start' });
    process.exit(1);
  }
  log.info({ msg: 'ready' });
  void auditProcess(parts, name).started();
  process.send?.('ready');
};
