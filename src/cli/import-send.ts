import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type Answer, ask, problemOf } from './api-client.ts';
import type { ApiAddress } from './connection.ts';
import { CommandError, oneLine } from './failure.ts';
import type { Chunk } from './import-lines.ts';

export interface LineError {
  line: number;
  path: string;
  message: string;
}

export interface Sent {
  accepted: number;
  rejected: number;
  /** The first hundred, by the lines of the file. */
  errors: LineError[];
}

const Report = z.object({
  accepted: z.number(),
  rejected: z.number(),
  errors: z.array(z.object({ line: z.number(), path: z.string(), message: z.string() })).default([]),
});

/** The server, or a proxy before it, cannot take anything right now. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

const requestTimeoutMs = 120_000;

/**
 * Send one piece of a file until the API has taken it, through outages of up to `patienceMs`. Sent whole each time: what
 * it took before it stopped keeps its ids by the idempotency key, and counts once.
 * @throws CommandError when the API refuses (a wrong key, a wrong address), or stays away for too long.
 */
export const sendChunk = async (
  api: ApiAddress,
  chunk: Chunk,
  { patienceMs, onOutage }: { patienceMs: number; onOutage: (reason: string) => void },
): Promise<Sent> => {
  const giveUpAt = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await trySending(api, chunk);
    if ('sent' in outcome) return outcome.sent;
    const pauseMs = outcome.retryAfterMs ?? Math.min(500 * 2 ** attempt, 10_000) * (0.75 + Math.random() / 2);
    if (Date.now() + pauseMs > giveUpAt)
      throw new CommandError(
        `the API at ${api.url} took nothing for ${patienceMs / 1000} s: ${outcome.reason}`,
      );
    onOutage(outcome.reason);
    await delay(pauseMs);
  }
};

type Outcome = { sent: Sent } | { reason: string; retryAfterMs?: number };

const trySending = async (api: ApiAddress, { body, lines, idempotencyKey }: Chunk): Promise<Outcome> => {
  let answer: Answer;
  try {
    answer = await ask(new URL('/v1/events', api.url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${api.key('write')}`,
        'content-type': 'application/x-ndjson',
        'idempotency-key': idempotencyKey,
      },
      body,
      timeoutMs: requestTimeoutMs,
    });
  } catch (error) {
    return { reason: oneLine(error) };
  }
  const { status, headers, json } = answer;
  if (passing.has(status)) {
    const seconds = Number(headers['retry-after'] ?? Number.NaN);
    const retryAfterMs = Number.isFinite(seconds) ? { retryAfterMs: Math.min(seconds, 60) * 1_000 } : {};
    return { reason: problemOf(answer), ...retryAfterMs };
  }
  // A 400 with counts says that no line was good; any other refuses the request as such.
  const parsed = status === 202 || status === 400 ? Report.safeParse(json) : undefined;
  if (!parsed?.success) throw new CommandError(`the API at ${api.url} refuses: ${problemOf(answer)}`);
  const { accepted, rejected, errors } = parsed.data;
  const inFile = errors.map((error) => ({ ...error, line: lines[error.line - 1] ?? error.line }));
  return { sent: { accepted, rejected, errors: inFile } };
};
