/** No retry would help: the job fails at once. BullMQ knows it by its name, and need not be loaded where nothing is queued. */
export class UnrecoverableError extends Error {
  override name = 'UnrecoverableError';
}

/** Expected and passing (a lock, a timeout, a 503): retried like any throw, logged as a warning. */
export class RetryableError extends Error {
  override name = 'RetryableError';
}

/** A part the work needs cannot be reached right now. The job goes back and uses up no attempt; a caller gets 503. */
export class OutageError extends RetryableError {
  override name = 'OutageError';
}

/**
 * PostgreSQL refused a statement. Its own words often quote the values, which may be personal, so they are kept out of
 * `message`, which is logged and stored with a failed job.
 */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
  readonly code: string;
  readonly #report: string;
  constructor(code: string, report: string) {
    super(`PostgreSQL refused the statement: ${/^(42|28|3D)/.test(code) ? report : code}`);
    this.code = code;
    this.#report = report;
  }
  /** PostgreSQL's words, for the row that keeps the refused event. */
  report(): string {
    return this.#report;
  }
}

/** The stored payload does not match the job's schema, so no later attempt can go differently. */
export class InvalidPayloadError extends UnrecoverableError {
  constructor(job: string, reason: string) {
    super(`${job}: ${reason}`);
  }
}
