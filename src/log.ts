import { type Logger, pino } from 'pino';

export type Log = Logger;

/** Whatever could name a person or open a door. Bodies are never logged at all, so this only guards what slips in. */
const secrets = [
  'password',
  'password_hash',
  'authorization',
  'cookie',
  'key',
  'email',
  'username',
  'profile',
  'payload',
  'parameters',
  'args',
  'query',
];

/**
 * Lines gather up to this many characters or milliseconds: a write each would be a tenth of what answering costs. They are
 * written by the thread that logs, so what a process that exits, however it came to, has logged is out; only one that is
 * killed outright, or dies in native code, takes its last quarter of a second with it.
 */
const gathered = { minLength: 4_096, periodicFlush: 250 };
const stdout = pino.destination({ dest: 1, sync: true, ...gathered });
process.on('exit', () => stdout.flushSync());

/** One JSON line per entry on stdout: `level`, `time`, `process`, `msg`, then what matters to it. */
export const createLog = (name: string, level: string): Log =>
  pino(
    {
      level,
      base: { process: name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
      serializers: { err: describeError },
    },
    stdout,
  );

/**
 * An error as it may be logged or stored: name, code, message, stack, cause. Drivers hang the parameters of a query
 * on their errors, and PostgreSQL quotes values in `detail`, so nothing else is taken over.
 */
export const describeError = (error: unknown): Record<string, unknown> => {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
};
