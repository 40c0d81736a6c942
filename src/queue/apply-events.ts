import { hash } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import type { z } from 'zod';
import { type Apply, type ApplyRow, countConflicts, findEventState } from '../db/events.ts';
import {
  listParkedById,
  listReleasable,
  listWaitingFor,
  type ParkedState,
  type Parking,
  parkEvents,
} from '../db/parked-events.ts';
import { isStatementTimeout, judgeDatabaseError } from '../db/sql-state.ts';
import { DatabaseError, OutageError } from '../errors.ts';
import { uuid } from '../fields.ts';
import { validate } from '../validate.ts';
import { isChecked } from './checked-by.ts';
import type { EventJob, FollowUp, StoredEvent } from './define-job.ts';
import { wakeSoon } from './follow-ups.ts';
import { createGatherer } from './gather.ts';
import type { Context, Handler, Run } from './handler.ts';
import { release } from './release.ts';
import { pepperOf } from './secrets.ts';
import { tryEach } from './trial.ts';

/** Events of one statement. More do not make it faster, and a bad one among them costs more halvings. */
const defaultBatch = 1_000;

/** Between two statements of few events: half as many commits where a hundred jobs a second come. */
const restMs = 20;

/** A job that keeps failing for an unknown reason is searched for the one event that may be to blame. */
const patience = 5;

/** 48 bits of a hash over what the caller sent; two payloads under one id are told apart by it. */
export const payloadHash = (event: Record<string, unknown>): number => {
  const sent = JSON.stringify({ ...event, event_id: undefined, received_at: undefined });
  return Number.parseInt(hash('sha1', sent, 'hex').slice(0, 12), 16);
};

/** So often has a job been begun without an end, its worker gone each time, when its events are tried one by one. */
const unendedStarts = 2;

interface Candidate {
  /** As it was stored, for parking. */
  stored: StoredEvent;
  row: ApplyRow;
  receivedAt: number;
}

interface Application {
  /** The statement of this kind of event. */
  apply: Apply;
  /** The follow-ups of what these events make stale. */
  wakes?: readonly FollowUp[];
  /** What the statement takes of an event, where that is not the event as it is. */
  toRow?: (event: StoredEvent, context: Context) => Record<string, unknown>;
  /** Events of one statement. */
  batchSize?: number;
  /** What else happens once events took effect; runs again when the job does. */
  afterwards?: (events: readonly StoredEvent[], context: Context) => Promise<void>;
}

/**
 * The handler of an event job: check each event, apply the batch with one statement, and when the database refuses it
 * for its data, halve it until the bad event is found. That one is parked with its reason, the others apply.
 */
export const applyEvents = <J extends EventJob>(job: J, application: Application): Handler<J> => {
  const { apply, wakes = [], toRow = (event) => event, batchSize = defaultBatch, afterwards } = application;

  const park = async (
    { db, config, metrics }: Context,
    state: ParkedState,
    events: Parking[],
    again: boolean,
  ): Promise<void> => {
    if (events.length === 0) return;
    await parkEvents(db, {
      job: job.name,
      state,
      again,
      waitSeconds: config.WAITING_MINUTES * 60,
      pepper: pepperOf(config),
      events,
    });
    metrics.outcomes.inc({ type: job.type, outcome: state }, events.length);
  };

  const applyOrBisect = async (
    candidates: Candidate[],
    context: Context,
    run: Run,
    again: boolean,
  ): Promise<void> => {
    if (candidates.length === 0) return;
    try {
      await applyOnce(candidates, context, again);
    } catch (error) {
      if (error instanceof OutageError) {
        if (candidates.length === 1 || !isStatementTimeout(error)) throw error;
      } else if (judgeDatabaseError(error) !== 'data' && (run.attempt <= patience || isDeployError(error))) {
        throw error;
      }
      const [first] = candidates;
      if (first && candidates.length === 1) {
        run.log.error({ err: error, event_id: first.row.event_id, msg: 'event parked' });
        await park(context, 'failed', [{ ...parkingOf(first), ...reasonOf(error) }], again);
        return;
      }
      const half = candidates.length >> 1;
      await applyOrBisect(candidates.slice(0, half), context, run, again);
      await applyOrBisect(candidates.slice(half), context, run, again);
    }
  };

  const applyOnce = async (candidates: Candidate[], context: Context, again: boolean): Promise<void> => {
    const { db, metrics, producer, config } = context;
    const rows = candidates.map(({ row }) => row);
    const attempt = () => apply(db, rows, { again, pepper: pepperOf(config) });
    const { applied, waiting, refused, conflicts, freed } = await attempt().catch((error: unknown) => {
      if (!isTaken(error)) throw error;
      return attempt();
    });
    const byId = new Map(candidates.map((candidate) => [candidate.row.event_id, candidate]));
    const parking = (event_id: string, why: { reason: string; waits_for?: string }): Parking[] => {
      const candidate = byId.get(event_id);
      return candidate ? [{ ...parkingOf(candidate), ...why }] : [];
    };
    await park(
      context,
      'waiting',
      waiting.flatMap(({ event_id, waits_for }) =>
        parking(event_id, { reason: `unknown_${waits_for.split(':')[0]}`, waits_for }),
      ),
      again,
    );
    if (waiting.length > 0 && !again) {
      // What they wait for may have come between the look for it and the parking, when nobody saw them wait.
      const ids = waiting.map(({ event_id }) => event_id);
      await release(context, await listReleasable(db, ids.length, ids));
    }
    await park(
      context,
      'refused',
      refused.flatMap(({ event_id, reason }) => parking(event_id, { reason })),
      again,
    );
    if (conflicts.length > 0) await countConflicts(db, job.name, conflicts);

    const count = (outcome: string, events: number) =>
      events > 0 && metrics.outcomes.inc({ type: job.type, outcome }, events);
    count('applied', applied);
    count('conflict', conflicts.length);
    count('repeated', candidates.length - applied - waiting.length - refused.length - conflicts.length);
    // Also when all were repeats: the first time may have ended in between.
    await afterwards?.(
      candidates.map(({ stored }) => stored),
      context,
    );
    if (applied === 0) return;
    // Only nudges: the marks and the waiting are in PostgreSQL, and the sweep finds them if this fails.
    for (const followUp of wakes) wakeSoon(producer, followUp);
    await release(context, await listWaitingFor(db, freed));
    if (again) return;
    const now = Date.now();
    for (const { receivedAt } of candidates) {
      metrics.eventToApplied.observe({ type: job.type }, Math.max(now - receivedAt, 0) / 1_000);
    }
  };

  /** Something in these ends its worker, which is found by what each try leaves behind; the others apply. */
  const tryOneByOne = async (
    candidates: readonly Candidate[],
    context: Context,
    run: Run,
    again: boolean,
  ): Promise<void> => {
    const { db, producer, config } = context;
    producer.assertReachable();
    await tryEach(
      { redis: producer.redis, prefix: config.REDIS_PREFIX, jobId: run.jobId },
      candidates.map((value) => ({ id: value.row.event_id, value })),
      (candidate) => applyOrBisect([candidate], context, run, again),
      async (candidate) => {
        // It may have had its effect and ended the worker with what came after.
        if ((await findEventState(db, candidate.row.event_id))?.state === 'applied') return;
        run.log.error({ event_id: candidate.row.event_id, msg: 'event parked: it ends its worker' });
        const why = { reason: 'ended_its_worker', detail: 'no worker lived on when it was applied alone' };
        await park(context, 'failed', [{ ...parkingOf(candidate), ...why }], again);
      },
    );
  };

  const gatherers = new WeakMap<Context, ReturnType<typeof createGatherer<Candidate>>>();
  /** The statements in which events of all jobs under way in this process go together. */
  const gather = (context: Context) => {
    const gatherer =
      gatherers.get(context) ??
      createGatherer<Candidate>(
        {
          idOf: ({ row }) => row.event_id,
          together: (candidates) => applyOnce([...candidates], context, false),
          concernsAll: (error) => error instanceof OutageError && !isStatementTimeout(error),
        },
        { atOnce: context.config.WORKER_CONCURRENCY, most: batchSize, restMs },
      );
    gatherers.set(context, gatherer);
    return gatherer;
  };

  return async (payload, context, run) => {
    const again = 'parked' in payload;
    const events = again
      ? (await listParkedById(context.db, job.name, payload.parked)).map((found) => found.payload)
      : payload.events;

    // What the same code has let in is as it was: looking again takes a quarter of a worker's time. Where the door
    // completes an event, only the check brings its fields into the order that the hash of a repeat has to have.
    const asChecked = !again && isChecked(run.jobId) && job.complete === undefined;
    const bad: Parking[] = [];
    let rest: Candidate[] = [];
    events.forEach((stored, position) => {
      const parsed = asChecked
        ? { success: true as const, data: stored as StoredEvent }
        : validate(job.stored, stored);
      if (!parsed.success) {
        bad.push(unreadable(stored, parsed.error, run.jobId, position));
        return;
      }
      const event = parsed.data;
      const own = job.time === undefined ? undefined : (event[job.time] as string | undefined);
      const at = event.occurred_at ?? own ?? event.received_at;
      let fields: Record<string, unknown>;
      try {
        fields = toRow(event, context);
      } catch (error) {
        // Sealed with another key, or not at all: nobody can apply it until that is repaired.
        bad.push({
          event_id: event.event_id,
          payload: event,
          payload_hash: payloadHash(event),
          reason: 'unreadable',
          detail: String(error),
        });
        return;
      }
      // Copying first and adding then takes V8 twenty times as long.
      const row = {
        event_id: event.event_id,
        payload_hash: payloadHash(event),
        at,
        clock: `${at} ${event.event_id}`,
        ...fields,
      };
      rest.push({ stored: event, row, receivedAt: Date.parse(event.received_at) });
    });
    await park(context, 'failed', bad, again);

    if (run.starts - run.attempt >= unendedStarts) {
      run.log.warn({
        starts: run.starts,
        msg: 'its workers ended: the events of this job are tried one by one',
      });
      await tryOneByOne(rest, context, run, again);
      rest = [];
    }

    // A statement takes each id once: further events under an id of the batch go into the next one, where they meet
    // the first as a repeat or a conflict.
    while (rest.length > 0) {
      const taken = new Map<string, Candidate>();
      const left: Candidate[] = [];
      for (const candidate of rest) {
        const id = candidate.row.event_id;
        if (taken.size < batchSize && !taken.has(id)) taken.set(id, candidate);
        else left.push(candidate);
      }
      const batch = [...taken.values()];
      const alone = () => applyOrBisect(batch, context, run, again);
      await (again ? alone() : gather(context)(batch, alone));
      rest = left;
    }
    // A job must not end before: one that is gone and stands open counts as lost.
    try {
      await context.account.settle(run.jobId);
    } catch (error) {
      throw new OutageError('the books of the intake cannot be reached', { cause: error });
    }
  };
};

const parkingOf = ({ stored, row }: Candidate) => ({
  event_id: row.event_id,
  payload: stored,
  payload_hash: row.payload_hash,
});

/** Somebody else took a unique value a moment ago; looked at again, the event knows that it repeats, or has to wait. */
const isTaken = (error: unknown): boolean => (error as { code?: unknown }).code === '23505';

/** Login, missing database, missing function: the deploy is at fault, not the event. */
const isDeployError = (error: unknown): boolean =>
  /^(42|28|3D)/.test(String((error as { code?: unknown }).code));

const reasonOf = (error: unknown) => ({
  reason: String((error as { code?: unknown }).code ?? 'unknown_error'),
  detail: error instanceof DatabaseError ? error.report() : String(error),
});

/** Something that is no event of this kind was in the queue. It keeps its id if it has one. */
const unreadable = (stored: unknown, error: z.ZodError, jobId: string, position: number): Parking => {
  const id = uuid.safeParse((stored as { event_id?: unknown } | null)?.event_id);
  const issues = error.issues.slice(0, 5).map((issue) => `/${issue.path.join('/')}: ${issue.message}`);
  return {
    event_id: id.success ? id.data : uuidv5(`${jobId}/${position}`, unreadableNamespace),
    payload: stored ?? null,
    payload_hash: payloadHash(typeof stored === 'object' && stored !== null ? { ...stored } : { stored }),
    reason: 'invalid',
    detail: issues.join('; '),
  };
};

const unreadableNamespace = 'a8f2f0f5-5b0c-4c6e-9a0e-0d7c7b1c5d1e';
