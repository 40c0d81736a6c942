import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Request } from 'express';
import { z } from 'zod';
import { eventJobs } from '../../jobs/index.ts';
import { OutageError } from '../errors.ts';
import type { EventJob, Seal, StoredEvent } from '../queue/define-job.ts';
import type { Intake } from '../queue/intake.ts';
import { limitArrival } from './body.ts';
import { arrival, createDoor, type Door } from './door.ts';
import { eventIds, intakeHeaders } from './event-id.ts';
import { createLineSplitter, type Line } from './lines.ts';
import { type FieldError, maxListed, Problem, unavailable } from './problem.ts';
import { defineRoute } from './route.ts';

const maxLineBytes = 1024 * 1024;
/** Events of one request on their way to the queue before more is read from it: what bounds its memory. */
const maxInFlight = 2_000;
const batchEvents = 500;
/** A stream may take as long as it likes, but something has to come. */
const silenceMs = 30_000;
/** How long the rest of a refused stream is read and dropped, so that the caller gets to see the answer. */
const farewellMs = 5_000;

interface Kind {
  job: EventJob;
  door: Door;
  admin: boolean;
}

/** What a line may ask for, by its `type` and then its `op`. */
const kinds = new Map<string, Map<string, Kind>>();
for (const job of eventJobs) {
  for (const [op, { scope }] of Object.entries(job.ops)) {
    if (!['put', 'patch', 'delete'].includes(op)) continue; // Has a route only.
    const ops = kinds.get(job.type) ?? new Map<string, Kind>();
    ops.set(op, { job, door: createDoor(job, op), admin: scope === 'admin' });
    kinds.set(job.type, ops);
  }
}
const described = [...kinds].map(([type, ops]) => `${type} (${[...ops.keys()].join(', ')})`).join(', ');

const lineError = z.object({
  line: z.int().meta({ description: 'From 1, empty lines counted.' }),
  path: z.string().meta({ description: 'JSON pointer into the line.' }),
  message: z.string(),
});
const report = z
  .object({
    accepted: z.int(),
    rejected: z.int(),
    errors: z.array(lineError).meta({ description: `The first ${maxListed}.` }),
  })
  .meta({ id: 'StreamReport' });
type Report = z.infer<typeof report>;

interface Sent {
  job: EventJob;
  event: StoredEvent;
}

/** Judge one line. */
const admitLine = (
  { number, text, problem }: Line,
  at: Parameters<Door['admit']>[2],
  errors: FieldError[],
  isAdmin: boolean,
): Sent | undefined => {
  if (text === undefined) {
    errors.push({ path: '', message: problem ?? 'cannot be read' });
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    errors.push({ path: '', message: 'is not valid JSON' });
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    errors.push({ path: '', message: 'must be a JSON object' });
    return undefined;
  }
  const { type, op = 'put', ...fields } = value as Record<string, unknown>;
  const ops = typeof type === 'string' ? kinds.get(type) : undefined;
  if (!ops) {
    errors.push({ path: '/type', message: `must be one of: ${[...kinds.keys()].join(', ')}` });
    return undefined;
  }
  const kind = typeof op === 'string' ? ops.get(op) : undefined;
  if (!kind) {
    errors.push({ path: '/op', message: `must be one of: ${[...ops.keys()].join(', ')}` });
    return undefined;
  }
  if (kind.admin && !isAdmin) {
    errors.push({ path: '/op', message: 'needs a key with the admin scope' });
    return undefined;
  }
  const event = kind.door.admit(fields, number - 1, at, errors);
  return event && { job: kind.job, event };
};

const groupByJob = (sent: readonly Sent[]): Map<EventJob, StoredEvent[]> => {
  const byJob = new Map<EventJob, StoredEvent[]>();
  for (const { job, event } of sent) {
    const events = byJob.get(job);
    if (events) events.push(event);
    else byJob.set(job, [event]);
  }
  return byJob;
};

/**
 * Take the good lines of a stream as they arrive, in constant memory.
 * @returns what became of the lines; `stopped` is why the queue refused further ones, with `accepted` those that are
 * durable all the same.
 */
export const takeLines = async (
  chunks: AsyncIterable<Buffer>,
  intake: Pick<Intake, 'take'>,
  { eventId, seal, isAdmin }: { eventId: (position: number) => string; seal: Seal; isAdmin: boolean },
): Promise<Report & { stopped?: unknown }> => {
  const total: Report = { accepted: 0, rejected: 0, errors: [] };
  const splitter = createLineSplitter(maxLineBytes);
  const underWay = new Set<Promise<void>>();
  let inFlight = 0;
  let stopped: unknown;
  let lastLine = 0;

  const reject = (line: number, errors: readonly FieldError[]) => {
    total.rejected += 1;
    for (const error of errors) {
      if (total.errors.length < maxListed) total.errors.push({ line, ...error });
    }
  };

  const work = async (lines: readonly Line[]): Promise<void> => {
    const at = arrival(eventId, seal);
    let batch: Sent[] = [];
    const flush = async () => {
      for (const [job, events] of groupByJob(batch)) {
        const { length } = events;
        inFlight += length;
        const settled = intake
          .take(job, events)
          .then(
            () => {
              total.accepted += length;
            },
            (error: unknown) => {
              stopped ??= error;
            },
          )
          .finally(() => {
            inFlight -= length;
            underWay.delete(settled);
          });
        underWay.add(settled);
      }
      batch = [];
      while (inFlight > maxInFlight) await Promise.race(underWay);
    };
    for (const line of lines) {
      const errors: FieldError[] = [];
      const sent = admitLine(line, at, errors, isAdmin);
      lastLine = line.number;
      if (sent) batch.push(sent);
      else reject(line.number, errors);
      if (batch.length >= batchEvents) await flush();
      if (stopped !== undefined) return;
    }
    if (batch.length > 0) await flush();
  };

  try {
    for await (const chunk of chunks) {
      await work(splitter.push(chunk));
      if (stopped !== undefined) break;
    }
    if (stopped === undefined) await work(splitter.end());
  } catch (error) {
    if (!isBadCompression(error)) throw error;
    reject(lastLine + 1, [{ path: '', message: 'the gzip stream is broken here' }]);
  } finally {
    await Promise.all(underWay);
  }
  return stopped === undefined ? total : { ...total, stopped };
};

const isBadCompression = (error: unknown): boolean =>
  /^(Z_|ERR_BUFFER_TOO_LARGE)/.test(String((error as { code?: unknown } | null)?.code));

/** The octets of a request, inflated. @throws Problem 415 for what we do not read. */
const octets = (request: Request): Readable => {
  const [type = '', charset] = (request.headers['content-type'] ?? '').toLowerCase().split(';', 2);
  if (type.trim() !== 'application/x-ndjson')
    throw new Problem(415, 'The body must be application/x-ndjson.');
  if (charset !== undefined && !/^\s*charset="?utf-?8"?\s*$/.test(charset)) {
    throw new Problem(415, 'The body must be UTF-8.');
  }
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return request;
  if (encoding !== 'gzip')
    throw new Problem(415, 'This Content-Encoding is not supported; use gzip or none.');
  const inflated = createGunzip();
  request.on('error', (error) => inflated.destroy(error));
  return request.pipe(inflated);
};

/** The chunks of a stream whose connection is ended when nothing comes for too long. Our own slowness is not counted. */
async function* watched(request: Request, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let arrived = limitArrival(request, silenceMs);
  try {
    for await (const chunk of source) {
      arrived();
      yield chunk;
      arrived = limitArrival(request, silenceMs);
    }
  } finally {
    arrived();
  }
}

/** Read on and drop, for a while, so that the answer is not lost to a reset of the connection. */
const drain = (request: Request): void => {
  if (request.complete || request.destroyed) return;
  request.unpipe();
  request.resume();
  const enough = limitArrival(request, farewellMs);
  request.once('close', enough);
};

/** `POST /v1/events` */
export const postEvents = defineRoute({
  method: 'post',
  path: '/v1/events',
  scope: 'write',
  summary: 'Take a stream of events of any kind.',
  description:
    'A line is a JSON object with `type`, the fields of that kind of event, and optionally `event_id` and `occurred_at`. Lines are taken as they arrive, so the stream may be of any length; it may be compressed with gzip. Good lines are taken, bad ones listed. For the `Idempotency-Key` the position of an event is its line number minus one, empty lines counted. When the queue stops taking events the answer is 503 and `accepted` says how many are durable; send the whole stream again under the same ids.',
  headers: intakeHeaders,
  body: {
    schema: z.string(),
    read: 'stream',
    type: 'application/x-ndjson',
    description: `One event a line, at most ${maxLineBytes} bytes each. Types, each with the values of op (put by default): ${described}.`,
  },
  responses: { 202: { description: 'The good lines are durable in the queue.', schema: report } },
  async handler({ app, isAdmin, headers, request }, { intake, sealer }) {
    const source = octets(request);
    // Leaving the loop early must not destroy the request: it still has to be answered.
    const chunks = watched(request, source.iterator({ destroyOnReturn: false }));
    let outcome: Awaited<ReturnType<typeof takeLines>>;
    try {
      outcome = await takeLines(chunks, intake, {
        eventId: eventIds(app, headers['idempotency-key']),
        seal: sealer.seal,
        isAdmin,
      });
    } catch (error) {
      if (request.readableAborted || request.destroyed) {
        throw new Problem(400, 'The request ended before its body was complete.');
      }
      throw error;
    } finally {
      drain(request);
    }
    const { stopped, ...total } = outcome;
    if (stopped !== undefined) {
      if (!(stopped instanceof OutageError)) throw stopped;
      throw unavailable('The queue stopped taking events; send the stream again.', total);
    }
    if (total.accepted > 0) return { status: 202, json: total };
    const detail = total.rejected > 0 ? 'No line was good.' : 'There was no event in the body.';
    throw new Problem(400, detail, { members: total });
  },
});
