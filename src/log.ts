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

/** One JSON line per entry on stdout: `level`, `time`, `process`, `msg`, then what matters to it. */
export const createLog = (process: string, level: string): Log =>
  pino({
    level,
    base: { process, pid: globalThis.process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
    serializers: { err: describeError },
  });

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
