import type { Db } from './database.ts';

export interface Applied {
  /** How many events took effect now. */
  applied: number;
  /** Events that name what is not there yet, such as `product:<id>`. */
  waiting: { event_id: string; waits_for: string }[];
  /** Events that a rule forbids. */
  refused: { event_id: string; reason: string }[];
  /** Events whose id was used before for another payload. They have no effect. */
  conflicts: string[];
  /** What there is now that others may wait for, such as `product:<id>`. */
  freed: string[];
}

/**
 * An event as an apply statement takes it: its fields, its time `at`, the `clock` by which it is newer or older than
 * others, and a hash of what the caller sent.
 */
export type ApplyRow = Record<string, unknown> & {
  event_id: string;
  at: string;
  clock: string;
  payload_hash: number;
};

export interface ApplyOptions {
  /** The events come from `parked_events` and may leave it. */
  again: boolean;
  /** Key of the hashes by which erased persons are recognised. */
  pepper: Buffer;
}

/** Apply one batch of events, no id twice, in one statement. */
export type Apply = (db: Db, rows: readonly ApplyRow[], options: ApplyOptions) => Promise<Applied>;

/**
 * Events of one kind by column, each an array in PostgreSQL's notation: whoever stands between the door and the statement
 * neither reads nor copies them one by one.
 */
export interface EventColumns {
  count: number;
  /** Of their `payload_hash`. */
  hashes: string;
  /** When they arrived, and how many one after another at that time. */
  received: [string, number][];
  /** By name, those that an event has; null where another has none. */
  fields: Record<string, string>;
  /** Names of those that are JSON; the others are texts. */
  json: string[];
}

/** When each of them arrived. */
export const arrivalsOf = ({ received }: EventColumns): string[] =>
  received.flatMap(([at, count]) => Array<string>(count).fill(at));

/** Apply one batch of events that are columns, no id twice, in one statement. */
export type ApplyColumns = (
  db: Db,
  columns: EventColumns,
  options: Pick<ApplyOptions, 'pepper'>,
) => Promise<Applied>;

/** An apply function of `migrations/` as an `Apply`. */
export const applyBy =
  (call: (db: Db, rows: readonly ApplyRow[], options: ApplyOptions) => Promise<Applied[]>): Apply =>
  async (db, rows, options) => {
    return only(await call(db, rows, options));
  };

/** The answer of an apply function. */
export const only = ([answer]: readonly Applied[]): Applied => {
  if (!answer) throw new Error('the apply function answered nothing');
  return answer;
};

/** One that takes its batch as JSON: a new field is named once, in the function. */
export const applyJsonBy = (
  call: (db: Db, batch: string, options: ApplyOptions) => Promise<Applied[]>,
): Apply => applyBy((db, rows, options) => call(db, JSON.stringify(rows), options));

export interface EventState {
  state: 'applied' | 'waiting' | 'failed' | 'refused';
  reason: string | null;
  detail: string | null;
  conflicts: number;
}

/** What became of an event; undefined while it is queued, or when it was never seen. */
export const findEventState = async (db: Db, eventId: string): Promise<EventState | undefined> => {
  const [found] = await db<EventState>`
    select state, reason, detail,
      coalesce((select conflicts from event_conflicts c where c.event_id = ${eventId}), 0) as conflicts
    from (
      select 'applied' as state, null as reason, null as detail, 1 as rank
      from processed_events where event_id = ${eventId}
      union all
      select state, reason, detail, 2 from parked_events where event_id = ${eventId}
    ) known
    order by rank
    limit 1`;
  return found;
};

/** Note that these ids came again with another payload. */
export const countConflicts = (db: Db, job: string, eventIds: readonly string[]) => db`
  insert into event_conflicts (event_id, job)
  select distinct id, ${job} from unnest(${eventIds}::uuid[]) as id order by id
  on conflict (event_id) do update set conflicts = event_conflicts.conflicts + 1, last_at = now()`;
