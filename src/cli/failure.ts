import { ZodError } from 'zod';

/** What `zyra` ends with, as every command's `--help` says. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** A command could not do what it was asked to: one line for the person who asked, no stack. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/** The command itself was wrong: an option, a file that is not there, a mapping that cannot be read. */
export class UsageError extends CommandError {
  override name = 'UsageError';
}

/** The innermost cause that says something: fetch and the drivers wrap what really happened. */
const wordsOf = (error: unknown): string => {
  if (error instanceof ZodError)
    return error.issues.map((issue) => `${issue.path.join('/')}: ${issue.message}`).join('; ');
  // Several addresses of one name were tried; each has its own error and the whole has no message.
  if (error instanceof AggregateError && error.errors.length > 0) return wordsOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : wordsOf(error.cause);
  const own = error.message || (error as { code?: string }).code || error.name;
  return cause && !own.includes(cause) ? `${own} (${cause})` : own;
};

/** An error as one line. */
export const oneLine = (error: unknown): string =>
  wordsOf(error)
    .split('\n')
    .map((line) => line.trim())
    .join(' ');

export const exitCodeOf = (error: unknown): number =>
  error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
