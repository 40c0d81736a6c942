import { isUtf8 } from 'node:buffer';
import express, { type Request, type Response } from 'express';
import { Problem } from './problem.ts';

/** Room for 1,000 events of 5 kB; counted after inflating. */
export const maxJsonBytes = 5 * 1024 * 1024;

/** What a body may take to arrive, so that no slow caller holds a connection for ever. */
const arrivalMs = 30_000;

const readRaw = express.raw({ type: 'application/json', limit: maxJsonBytes });

/** Charset as RFC 9110 allows it to be written; absent is UTF-8. */
const foreignCharset = /;\s*charset\s*=\s*"?(?!utf-?8"?\s*(;|$))/i;

/** Whether a body was announced. */
const hasBody = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** End the connection of a body that does not arrive in time. Call the result when it has. */
export const limitArrival = (request: Request, ms = arrivalMs): (() => void) => {
  const timer = setTimeout(() => request.destroy(), ms);
  return () => clearTimeout(timer);
};

/**
 * The JSON value in a request's body. Every octet must be UTF-8: replacing what is not would change what was sent.
 * @throws Problem 400, 413 or 415.
 */
export const readJson = async (request: Request, response: Response): Promise<unknown> => {
  if (!hasBody(request)) throw new Problem(400, 'A JSON body is needed.');
  const type = request.headers['content-type'] ?? '';
  if (foreignCharset.test(type)) throw new Problem(415, 'The body must be UTF-8.');
  const arrived = limitArrival(request);
  try {
    await new Promise<void>((resolve, reject) => {
      readRaw(request, response, (error?: unknown) => (error ? reject(error) : resolve()));
    });
  } finally {
    arrived();
  }
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body)) throw new Problem(415, 'The body must be application/json.');
  if (!isUtf8(body)) throw new Problem(400, 'The body is not valid UTF-8.');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Problem(400, 'The body is not valid JSON.');
  }
};
