import {
  type Applied,
  type Apply,
  type ApplyColumns,
  countConflicts,
  type EventColumns,
  findEventState,
} from '../db/events.ts';
import {
  listParkedById,
  listReleasable,
  listWaitingFor,
  type ParkedState,
  type Parking,
  parkEvents,
} from '../db/parked-events.ts';
import { isStatementTimeout, judgeDatabaseError } from '../db/sql-state.ts';
import { OutageError } from '../errors.ts';
import { validate } from '../validate.ts';
import { type Candidate, parkingOf, reasonOf, unreadable } from './candidate.ts';
import { isChecked } from './checked-by.ts';
import type { EventJob, FollowUp, StoredEvent } from './define-job.ts';
import { fromColumns, idsOf, joinColumns } from './event-columns.ts';
import { wakeSoon } from './follow-ups.ts';
import { createGatherer } from './gather.ts';
import type { Context, Handler, Run } from './handler.ts';
import { payloadHash } from './payload-hash.ts';
import { release } from './release.ts';
import { pepperOf } from './secrets.ts';
import { tryEach } from './trial.ts';

/** Events of one statement. More do not make it faster, and a bad one among them costs more halvings. */
const defaultBatch = 1_000;

/**
 * Of events that are columns. What a statement costs whatever is in it, and for each person and product however many events
 * are theirs, is a seventh of all at a thousand. A bad event is looked for in its own job only.
 */
const columnBatch = 4_000;

/** Two such keep two cores of PostgreSQL busy. Four take a tenth more of its time for the same rows, waiting for pages. */
export const columnStatements = 2;

/** Between two statements of few events: half as many commits where a hundred jobs a second come. */
const restMs = 20;

/** A job that keeps failing for an unknown reason is searched for the one event that may be to blame. */
const patience = 5;

/** So often has a job been begun without an end when its events are tried one by one. */
const unendedStarts = 2;

/** What was applied by one statement. */
interface Batch {
  size: number;
  candidates(): readonly Candidate[];
  /** When they arrived, in epoch ms, and how many at that time. */
  received(): readonly (readonly [number, number])[];
}

interface Application {
  /** The statement of this kind of event. */
  apply: Apply;
  /** The same for events that are columns. */
  applyColumns?: ApplyColumns;
  /** The follow-ups of what these events make stale. */
  wakes?: readonly FollowUp[];
  /** What the statement takes of an event, where that is not the event as it is. */
  toRow?: (event: StoredEvent, context: Context) => Record<string, unknown>;
  /** Events of one statement. */
  batchSize?: number;
  /** What else happens once events took effect; runs again when the job does. */
  afterwards?: (context: Context) => Promise<void>;
}

/**
 * The handler of an event job: check each event, apply the batch with one statement, and when the database refuses it
 * for its data, halve it until the bad event is found. That one is parked with its reason, the others apply.
 */
export const applyEvents = <J extends EventJob>(job: J, application: Application): Handler<J> => {
  const { apply, applyColumns, wakes = [], afterwards } = application;
  const { toRow = (event) => event, batchSize = defaultBatch } = application;

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

  const applyOnce = async (candidates: readonly Candidate[], context: Context, again: boolean) => {
    const { db, config } = context;
    const rows = candidates.map(({ row }) => row);
    const answer = await lookTwice(() => apply(db, rows, { again, pepper: pepperOf(config) }));
    const batch = {
      size: rows.length,
      candidates: () => candidates,
      received: () => candidates.map(({ receivedAt }) => [receivedAt, 1] as const),
    };
    await conclude(answer, batch, context, again);
  };

  const applyColumnsOnce = async (run: ApplyColumns, parts: readonly EventColumns[], context: Context) => {
    const columns = joinColumns(parts);
    const answer = await lookTwice(() => run(context.db, columns, { pepper: pepperOf(context.config) }));
    const batch = {
      size: columns.count,
      candidates: () => candidatesOf(columns, context),
      received: () => columns.received.map(([at, count]) => [Date.parse(at), count] as const),
    };
    await conclude(answer, batch, context, false);
  };

  /** Everything that follows from what a statement answered. */
  const conclude = async (
    { applied, waiting, refused, conflicts, freed }: Applied,
    { size, candidates, received }: Batch,
    context: Context,
    again: boolean,
  ): Promise<void> => {
    const { db, metrics, producer } = context;
    const setAside = waiting.length > 0 || refused.length > 0 ? candidates() : [];
    const byId = new Map(setAside.map((candidate) => [candidate.row.event_id, candidate]));
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
    count('repeated', size - applied - waiting.length - refused.length - conflicts.length);
    // Also when all were repeats: the first time may have ended in between.
    await afterwards?.(context);
    if (applied === 0) return;
    // Only nudges: the marks and the waiting are in PostgreSQL, and the sweep finds them if this fails.
    for (const followUp of wakes) wakeSoon(producer, followUp);
    await release(context, await listWaitingFor(db, freed));
    if (again) return;
    const now = Date.now();
    for (const [at, events] of received()) {
      const seconds = Math.max(now - at, 0) / 1_000;
      for (let n = 0; n < events; n += 1) metrics.eventToApplied.observe({ type: job.type }, seconds);
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

  /** @throws when a field cannot be opened: sealed with another key, or not at all. */
  const toCandidate = (event: StoredEvent, context: Context, hash = payloadHash(event)): Candidate => {
    const own = job.time === undefined ? undefined : (event[job.time] as string | undefined);
    const at = event.occurred_at ?? own ?? event.received_at;
    const fields = toRow(event, context);
    // Copying first and adding then takes V8 twenty times as long.
    const row = {
      event_id: event.event_id,
      payload_hash: hash,
      at,
      clock: `${at} ${event.event_id}`,
      ...fields,
    };
    return { stored: event, row, receivedAt: Date.parse(event.received_at) };
  };

  const candidatesOf = (columns: EventColumns, context: Context): Candidate[] => {
    const { events, hashes } = fromColumns(columns);
    return events.map((event, place) => toCandidate(event, context, hashes[place]));
  };

  /** The statements in which events of all jobs under way in this process go together. */
  const gatherRows = onePer((context) =>
    createGatherer<readonly Candidate[]>(
      {
        sizeOf: (candidates) => candidates.length,
        idsOf: (candidates) => candidates.map(({ row }) => row.event_id),
        together: (parts) => applyOnce(parts.flat(), context, false),
        concernsAll: isOutage,
      },
      { atOnce: context.config.WORKER_CONCURRENCY, most: batchSize, restMs },
    ),
  );

  const gatherColumns =
    applyColumns &&
    onePer((context) =>
      createGatherer<EventColumns>(
        {
          sizeOf: ({ count }) => count,
          idsOf,
          together: (parts) => applyColumnsOnce(applyColumns, parts, context),
          singly: true,
          concernsAll: isOutage,
        },
        {
          atOnce: Math.min(context.config.WORKER_CONCURRENCY, columnStatements),
          ...{ most: columnBatch, restMs },
        },
      ),
    );

  const applyRows = async (events: readonly unknown[], context: Context, run: Run, again: boolean) => {
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
      try {
        rest.push(toCandidate(event, context));
      } catch (error) {
        // Nobody can apply it until that is repaired.
        bad.push({
          event_id: event.event_id,
          payload: event,
          payload_hash: payloadHash(event),
          reason: 'unreadable',
          detail: String(error),
        });
      }
    });
    await park(context, 'failed', bad, again);

    if (isEnding(run)) {
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
      await (again ? alone() : gatherRows(context)(batch, alone));
      rest = left;
    }
  };

  return async (payload, context, run) => {
    if ('columns' in payload) {
      const { columns } = payload;
      if (gatherColumns && isChecked(run.jobId) && !isEnding(run)) {
        const alone = () => applyOrBisect(candidatesOf(columns, context), context, run, false);
        await gatherColumns(context)(columns, alone);
      } else await applyRows(fromColumns(columns).events, context, run, false);
    } else if ('parked' in payload) {
      const parked = await listParkedById(context.db, job.name, payload.parked);
      await applyRows(
        parked.map((found) => found.payload),
        context,
        run,
        true,
      );
    } else await applyRows(payload.events, context, run, false);
    // A job must not end before: one that is gone and stands open counts as lost.
    try {
      await context.account.settle(run.jobId);
    } catch (error) {
      throw new OutageError('the books of the intake cannot be reached', { cause: error });
    }
  };
};

/** Its worker was gone before the end, each time that it was begun. */
const isEnding = ({ starts, attempt }: Run): boolean => starts - attempt >= unendedStarts;

const isOutage = (error: unknown): boolean => error instanceof OutageError && !isStatementTimeout(error);

/** One for each process: what `create` makes of its parts. */
const onePer = <T>(create: (context: Context) => T): ((context: Context) => T) => {
  const made = new WeakMap<Context, T>();
  return (context) => {
    const one = made.get(context) ?? create(context);
    made.set(context, one);
    return one;
  };
};

/** Somebody else took a unique value a moment ago; looked at again, the event knows that it repeats, or has to wait. */
const lookTwice = async <T>(attempt: () => Promise<T>): Promise<T> => {
  try {
    return await attempt();
  } catch (error) {
    if ((error as { code?: unknown }).code !== '23505') throw error;
    return await attempt();
  }
};

/** Login, missing database, missing function: the deploy is at fault, not the event. */
const isDeployError = (error: unknown): boolean =>
  /^(42|28|3D)/.test(String((error as { code?: unknown }).code));
