import type { z } from 'zod';
import { instant, uuid } from '../fields.ts';
import type { Envelope, EventJob, Seal, StoredEvent } from '../queue/define-job.ts';
import { validate } from '../validate.ts';
import { type FieldError, fieldErrors } from './problem.ts';

/** How far ahead of the server an event's time may be: clocks differ, but the future is a mistake. */
const maxAheadMs = 5 * 60_000;

/** What the events of one request, or of one part of a long one, have in common. */
export interface Arrival {
  receivedAt: string;
  /** The latest time an event may have. */
  latest: string;
  eventId(position: number): string;
  seal: Seal;
}

/** As `instant` writes it, so that texts compare as times do. */
const toInstant = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** Note the time of arrival. */
export const arrival = (eventId: Arrival['eventId'], seal: Seal, now = Date.now()): Arrival => ({
  receivedAt: toInstant(now),
  latest: toInstant(now + maxAheadMs),
  eventId,
  seal,
});

/** What callers may add to the fields of every kind of event. */
const added = {
  event_id: uuid.optional().meta({ description: 'The same id again has no second effect.' }),
  occurred_at: instant.optional().meta({ description: 'When it happened; at most five minutes ahead.' }),
};

/** The place where events of one kind are judged by all that can be judged without the database. */
export interface Door {
  /** One event as callers send it. */
  readonly schema: z.ZodObject;
  /** The event as it goes into the queue, or undefined when it is not valid; why is added to `errors`. */
  admit(
    raw: unknown,
    position: number,
    arrival: Arrival,
    errors: FieldError[],
    prefix?: string,
  ): StoredEvent | undefined;
}

type Sent = Record<string, unknown> & Partial<Envelope>;

/** The door for one thing that events of a job can do. */
export const createDoor = (job: EventJob, op: string): Door => {
  const { ops, time, judge, complete } = job;
  const declared = ops[op];
  if (!declared) throw new Error(`${job.name} has no op ${op}`);
  const schema = declared.event.safeExtend(added);
  const times =
    time === undefined || !(time in declared.event.shape) ? ['occurred_at'] : ['occurred_at', time];
  const several = Object.keys(ops).length > 1;
  return {
    schema,
    admit(raw, position, { receivedAt, latest, eventId, seal }, errors, prefix = '') {
      const parsed = validate(schema, raw);
      if (!parsed.success) {
        errors.push(...fieldErrors(parsed.error, prefix));
        return undefined;
      }
      const event = parsed.data as Sent;
      const before = errors.length;
      for (const name of times) {
        const at = event[name] as string | undefined;
        if (at === undefined || at <= latest) continue;
        errors.push({ path: `${prefix}/${name}`, message: 'is more than five minutes ahead of the server' });
      }
      const verdict = judge?.(event as StoredEvent);
      if (verdict) errors.push({ ...verdict, path: prefix + verdict.path });
      if (errors.length > before) return undefined;
      event.event_id ??= eventId(position);
      event.received_at = receivedAt;
      if (several) event.op = op;
      complete?.(event as StoredEvent, seal);
      return event as StoredEvent;
    },
  };
};
