import { z } from 'zod';
import type { DirtyKind } from '../db/dirty-keys.ts';
import type { EventColumns } from '../db/events.ts';
import { instant, uuid } from '../fields.ts';
import type { QueueName } from './queues.ts';

interface RetryOptions {
  /** Tries before the job counts as failed. Outages of PostgreSQL or Redis use none up. */
  attempts: number;
  /** Doubling from `delay` milliseconds up to half a minute. */
  backoff: { type: 'capped'; delay: number };
  /** Whether it stays for a person once it has failed for good. Needless where it says nothing and comes again anyway. */
  keepFailed: boolean;
}

/** A job's declaration: everything else (enqueue, handler, worker, documentation) is typed from it. */
export interface Job<Name extends string = string, Payload extends z.ZodType = z.ZodType> {
  readonly name: Name;
  readonly queue: QueueName;
  readonly payload: Payload;
  /** Asking twice under one id is one job for as long as the first is kept. Never for events: it drops the second. */
  jobId?(payload: z.output<Payload>): string;
  readonly options: RetryOptions;
}

/** One thing that can be done by events of a kind, and what the body says of it. */
export interface EventOp {
  /** The body as callers send it, without `event_id` and `occurred_at`. */
  readonly event: z.ZodObject;
  /** Who may; `write` when not given. */
  readonly scope?: 'admin';
  /** Fields that `complete` seals, as they are then. */
  readonly sealed?: z.ZodRawShape;
}

/** A job that carries events to be applied once each, and the kinds of events it carries. */
export interface EventJob<Name extends string = string> extends Job<Name, typeof eventPayload> {
  /** What the event is called in `POST /v1/events`. */
  readonly type: string;
  /** By `op`, as in `POST /v1/events`. */
  readonly ops: Readonly<Record<string, EventOp>>;
  /** The event as it is stored in the queue: with what the door added, and its `op` where there are several. */
  readonly stored: z.ZodType<StoredEvent>;
  /** The field of the body that tells the event's time where `occurred_at` is not given. */
  readonly time?: string | undefined;
  /** What a schema cannot say of the fields together. */
  readonly judge?: ((event: StoredEvent) => { path: string; message: string } | undefined) | undefined;
  /** Fill in what follows from the rest of the event and its id; done once, at the door. */
  readonly complete?: ((event: StoredEvent, seal: Seal) => void) | undefined;
  /**
   * Its fields go through the queue as columns, as `EventColumns` has them. All of them are texts but for those in `json`;
   * none is ever null.
   */
  readonly columns?: { readonly json: readonly string[] } | undefined;
  /** Lists of the answer beside `event_ids`, by what each event contributes. */
  readonly echo?: Readonly<Record<string, (event: StoredEvent) => string>> | undefined;
}

const backoff = { type: 'capped', delay: 1_000 } as const;
const defaults: RetryOptions = { attempts: 5, backoff, keepFailed: true };

/**
 * Events are never given up: one that cannot be stored is parked in PostgreSQL by the handler, so what makes the whole
 * job fail is a bug or a bad deploy, and the job waits for its repair, a try every half minute.
 */
const untilApplied: RetryOptions = { attempts: 1_000_000, backoff, keepFailed: true };

/** Declare a job. One file per job under `jobs/`; its handler has the same name under `workers/`. */
export const defineJob = <const Name extends string, Payload extends z.ZodType>(declaration: {
  name: Name;
  queue: QueueName;
  payload: Payload;
  jobId?: (payload: z.output<Payload>) => string;
  options?: Partial<RetryOptions>;
}): Job<Name, Payload> => ({ ...declaration, options: { ...defaults, ...declaration.options } });

const eventColumns: z.ZodType<EventColumns> = z.strictObject({
  count: z.int().min(1),
  hashes: z.string(),
  received: z.array(z.tuple([z.string(), z.int().min(1)])).min(1),
  fields: z.record(z.string(), z.string()),
  json: z.array(z.string()),
});

/**
 * What an event job carries: the events themselves (their only copy until applied), one by one or by column, or the ids of
 * events that wait or were parked in PostgreSQL and go again. Events are checked one by one by the handler, so that one bad
 * one among them stops no other.
 */
const eventPayload = z.union([
  z.strictObject({ events: z.array(z.unknown()).min(1) }),
  z.strictObject({ columns: eventColumns }),
  z.strictObject({ parked: z.array(z.uuid()).min(1) }),
]);

/** What the door adds to every event. `received_at` stands in for the event's time where the caller gave none. */
const envelope = { event_id: uuid, received_at: instant, occurred_at: instant.optional() };

export interface Envelope {
  event_id: string;
  received_at: string;
  occurred_at?: string | undefined;
}

export type StoredEvent = Envelope & Record<string, unknown>;

/** Makes a secret unreadable for whoever looks into a queue, the same secret always into the same text. */
export type Seal = (secret: string) => string;

type Declared<Name extends string> = Omit<EventJob<Name>, 'payload' | 'options' | 'stored' | 'ops' | 'jobId'>;

/**
 * Declare a job that applies events of one kind: `event` is the body of the one thing it does (`op`, by default `put`),
 * or `ops` the bodies of several.
 */
export const defineEventJob = <const Name extends string>(
  declaration: Declared<Name> & ((EventOp & { op?: string }) | { ops: Record<string, EventOp> }),
): EventJob<Name> => {
  const ops = 'ops' in declaration ? declaration.ops : { [declaration.op ?? 'put']: declaration };
  const stored = Object.entries(ops).map(([op, { event, sealed }]) =>
    event.safeExtend({ ...sealed, ...envelope, ...('ops' in declaration && { op: z.literal(op) }) }),
  );
  const [only] = stored;
  return {
    ...declaration,
    ops,
    stored: (stored.length === 1
      ? only
      : z.discriminatedUnion('op', stored as never)) as z.ZodType<StoredEvent>,
    payload: eventPayload,
    options: untilApplied,
  };
};

/** Which stale keys to recompute stands in PostgreSQL, so the job itself says nothing. */
export const followUpPayload = z.strictObject({});

/** A job that brings up to date what events made stale. */
export interface FollowUp<Name extends string = string> extends Job<Name, typeof followUpPayload> {
  readonly kind: DirtyKind;
  /** How long to gather further stale keys before recomputing. */
  readonly delayMs: number;
}

/** Declare the job that recomputes one kind of stale keys. */
export const defineFollowUp = <const Name extends string>(declaration: {
  name: Name;
  queue: QueueName;
  kind: DirtyKind;
  delayMs: number;
}): FollowUp<Name> => ({
  ...declaration,
  payload: followUpPayload,
  options: { ...defaults, keepFailed: false },
});
