import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import { OutageError } from '../errors.ts';

/** One bad field: a JSON pointer into the body, or `/name` of a parameter. */
export interface FieldError {
  path: string;
  message: string;
}

interface ProblemExtras {
  errors?: readonly FieldError[] | undefined;
  headers?: Record<string, string>;
  /** Further members of the document. */
  members?: Record<string, unknown>;
}

/** An answer that is an error, thrown where it is found out and written as RFC 9457 by the one error middleware. */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: number;
  readonly extras: ProblemExtras;
  constructor(status: number, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.status = status;
    this.extras = extras;
  }

  /** The `application/problem+json` document. */
  toJSON(): Record<string, unknown> {
    const { errors, members } = this.extras;
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status],
      status: this.status,
      detail: this.message,
      ...(errors ? { errors } : {}),
      ...members,
    };
  }
}

/** Listing more helps nobody; the answer stays small whatever was sent. */
export const maxListed = 100;

/** Input that does not fit: 400 with every bad field (the first hundred). */
export const invalid = (errors: readonly FieldError[]): Problem =>
  new Problem(400, errors.length === 1 ? 'A field is not valid.' : 'Some fields are not valid.', {
    errors: errors.slice(0, maxListed),
  });

/** The system cannot take or answer this now. Asking again is harmless. */
export const unavailable = (detail: string, members: Record<string, unknown> = {}): Problem =>
  new Problem(503, detail, { headers: { 'Retry-After': '1' }, members });

const escapeSegment = (segment: PropertyKey): string =>
  String(segment).replaceAll('~', '~0').replaceAll('/', '~1');

/** RFC 6901. */
export const pointer = (path: readonly PropertyKey[]): string =>
  path.map((segment) => `/${escapeSegment(segment)}`).join('');

/** What zod found, one entry per bad field; an unknown field is named itself, not the object it is in. */
export const fieldErrors = (error: z.ZodError, prefix = ''): FieldError[] =>
  error.issues.flatMap((issue) => {
    const path = prefix + pointer(issue.path);
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({
      path: `${path}/${escapeSegment(key)}`,
      message: 'is not a known field',
    }));
  });

/** By the `type` that body-parser and its parts give their errors; their own words may quote the body. */
const bodyProblems: Record<string, [status: number, detail: string]> = {
  'entity.too.large': [413, 'The body is too large.'],
  'encoding.unsupported': [415, 'This Content-Encoding is not supported; use gzip, deflate, br or none.'],
  'charset.unsupported': [415, 'The body must be UTF-8.'],
  'request.aborted': [400, 'The request ended before its body was complete.'],
  'request.size.invalid': [400, 'The body is not as long as Content-Length says.'],
};

/** The problem an error means for the caller; undefined when it is our own fault, a 500. */
export const problemOf = (error: unknown): Problem | undefined => {
  if (error instanceof Problem) return error;
  if (error instanceof OutageError) return unavailable('The system cannot do this right now; try again.');
  const { status, type } = (error ?? {}) as { status?: unknown; type?: unknown };
  const known = typeof type === 'string' ? bodyProblems[type] : undefined;
  if (known) return new Problem(...known);
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  return new Problem(
    status,
    status === 400 ? 'The request cannot be read.' : (STATUS_CODES[status] ?? 'Refused.'),
  );
};
