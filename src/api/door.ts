import type { z } from 'zod';
import { instant, uuid } from '../fields.ts';
import type { Envelope, EventJob } from '../queue/define-job.ts';
import { type FieldError, fieldErrors } from './problem.ts';

/** How far ahead of the server an event's time may be: clocks differ, but the future is a mistake. */
const maxAheadMs = 5 * 60_000;

/** What the events of one request, or of one part of a long one, have in common. */
export interface Arrival {
  receivedAt: string;
  /** The latest time an event may have. */
  latest: string;
  eventId(position: number): string;
}

/** As `instant` writes it, so that texts compare as times do. */
const toInstant = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** Note the time of arrival. */
export const arrival = (eventId: Arrival['eventId'], now = Date.now()): Arrival => ({
  receivedAt: toInstant(now),
  latest: toInstant(now + maxAheadMs),
  eventId,
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
  ): Envelope | undefined;
}

type Sent = Record<string, unknown> & Partial<Envelope>;

/** The door for the events of a job. */
export const createDoor = (job: EventJob): Door => {
  const schema = job.event.safeExtend(added);
  const times = job.time === undefined ? ['occurred_at'] : ['occurred_at', job.time];
  return {
    schema,
    admit(raw, position, { receivedAt, latest, eventId }, errors, prefix = '') {
      const parsed = schema.safeParse(raw);
      if (!parsed.success) {
        errors.push(...fieldErrors(parsed.error, prefix));
        return undefined;
      }
      const event = parsed.data as Sent;
      let early = false;
      for (const time of times) {
        const at = event[time] as string | undefined;
        if (at === undefined || at <= latest) continue;
        errors.push({ path: `${prefix}/${time}`, message: 'is more than five minutes ahead of the server' });
        early = true;
      }
      if (early) return undefined;
      event.event_id ??= eventId(position);
      event.received_at = receivedAt;
      return event as Envelope;
    },
  };
};
