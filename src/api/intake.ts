import { z } from 'zod';
import { instant, uuid } from '../fields.ts';
import type { EventJob, StoredEvent } from '../queue/define-job.ts';
import { type Arrival, arrival, createDoor, type Door } from './door.ts';
import { eventIds, intakeHeaders } from './event-id.ts';
import { type FieldError, invalid, maxListed } from './problem.ts';
import { defineRoute, type Route } from './route.ts';

/** An array of more is refused; longer series go to `POST /v1/events`. */
const maxEvents = 1_000;

const accepted = z.object({
  accepted: z.int().meta({ description: 'How many events are durable in the queue now.' }),
  event_ids: z.array(z.uuid()).meta({ description: 'Their ids, in the order of the body.' }),
});

const plainlyAccepted = accepted.meta({ id: 'Accepted' });

/** What the 202 of a kind of event holds. */
const acceptedOf = ({ echo = {} }: EventJob): z.ZodType => {
  const names = Object.keys(echo);
  if (names.length === 0) return plainlyAccepted;
  return accepted.extend(Object.fromEntries(names.map((name) => [name, z.array(z.uuid())])));
};

/**
 * The events of a body that is one event or an array of them, whole or not at all.
 * @throws Problem 400 naming every bad field of every event (the first hundred).
 */
export const admitAll = (door: Door, body: unknown, at: Arrival): StoredEvent[] => {
  const errors: FieldError[] = [];
  if (!Array.isArray(body)) {
    const event = door.admit(body, 0, at, errors);
    if (!event) throw invalid(errors);
    return [event];
  }
  if (body.length === 0 || body.length > maxEvents) {
    throw invalid([{ path: '', message: `must hold 1 to ${maxEvents} events` }]);
  }
  const events: StoredEvent[] = [];
  for (let position = 0; position < body.length && errors.length < maxListed; position += 1) {
    const event = door.admit(body[position], position, at, errors, `/${position}`);
    if (event) events.push(event);
  }
  if (errors.length > 0) throw invalid(errors);
  return events;
};

interface IntakeRoute {
  method: Route['method'];
  /** Parameters in it are fields of the event. */
  path: string;
  summary: string;
  /** Which of the job's ops; `put` by default. */
  op?: string;
  /** `many`: one event or an array. `one`: one event. `none`: no body, id and time come in the query. */
  body: 'many' | 'one' | 'none';
}

/** Fields that the route gives cannot also be in the body; it would be unclear which counts. */
const withFields = (body: unknown, fields: Readonly<Record<string, unknown>>): unknown => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const twice = Object.keys(fields).filter((name) => Object.hasOwn(body, name));
  if (twice.length === 0) return { ...body, ...fields };
  throw invalid(twice.map((name) => ({ path: `/${name}`, message: 'is given by the path' })));
};

/** The route that takes events of one kind: what makes an event known to callers, besides its job. */
export const intakeRoute = (job: EventJob, route: IntakeRoute): Route => {
  const { method, path, summary, op = 'put', body } = route;
  const door = createDoor(job, op);
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
  const given = Object.fromEntries(names.map((name) => [name, true as const]));
  const shape = door.schema.shape as Record<string, z.ZodType>;
  const event = names.length === 0 ? door.schema : door.schema.omit(given as Record<never, true>);
  const echo = Object.entries(job.echo ?? {});
  return defineRoute({
    method,
    path,
    summary,
    scope: job.ops[op]?.scope ?? 'write',
    ...(names.length > 0 && {
      params: z.object(Object.fromEntries(names.map((name) => [name, shape[name] as z.ZodType]))),
    }),
    headers: intakeHeaders,
    ...(body === 'none'
      ? { query: z.strictObject({ event_id: uuid.optional(), occurred_at: instant.optional() }) }
      : {
          body: {
            schema: body === 'many' ? z.union([event, z.array(event).min(1).max(maxEvents)]) : event,
            read: 'json' as const,
          },
        }),
    responses: { 202: { description: 'Durable in the queue.', schema: acceptedOf(job) } },
    assertOpen: ({ intake }) => intake.assertOpen(),
    handler(call, { intake, sealer }) {
      const { params, query, headers, app } = call as typeof call & {
        params: object | undefined;
        query: object | undefined;
      };
      const at = arrival(eventIds(app, headers['idempotency-key']), sealer.seal);
      const fields = { ...params };
      let sent: unknown = call.body;
      if (body === 'none') sent = { ...fields, ...query };
      else if (body === 'one' && Array.isArray(sent)) {
        throw invalid([{ path: '', message: 'must be one event, not an array' }]);
      } else if (names.length > 0) {
        sent = Array.isArray(sent) ? sent.map((one) => withFields(one, fields)) : withFields(sent, fields);
      }
      const events = admitAll(door, sent, at);
      const json: Record<string, unknown> = {
        accepted: events.length,
        event_ids: events.map((one) => one.event_id),
      };
      for (const [name, of] of echo) json[name] = events.map(of);
      // What was parsed of the body would be copied by one collection after another while Redis writes.
      (call as { body: unknown }).body = undefined;
      return intake.take(job, events).then(() => ({ status: 202, json }));
    },
  });
};
