import type { Db } from './database.ts';

/** What one statement removed, and where the next goes on. */
interface Removed<Position> {
  removed: number;
  position: Position | undefined;
}

/** Something that is kept for so long and no longer. */
export interface Retention {
  table: string;
  /** Remove rows from before `cutoff`, at most `most` by each statement; yields how many each removed. */
  remove(db: Db, cutoff: string, most: number): AsyncGenerator<number>;
}

/** Statement after statement, each going on where the one before ended, until one finds nothing more. */
async function* steps<Position>(
  most: number,
  next: (position: Position | undefined) => Promise<Removed<Position>>,
): AsyncGenerator<number> {
  let position: Position | undefined;
  for (;;) {
    const step = await next(position);
    yield step.removed;
    if (step.removed < most) return;
    position = step.position;
  }
}

interface Batch {
  removed: number;
  /** The newest time removed: older ones are gone, and need not be stepped over again. */
  reached: string | null;
}

const byTime =
  (
    statement: (db: Db, from: string, cutoff: string, most: number) => Promise<Batch[]>,
  ): Retention['remove'] =>
  (db, cutoff, most) =>
    steps<string>(most, async (position) => {
      const [batch] = await statement(db, position ?? '-infinity', cutoff, most);
      return { removed: batch?.removed ?? 0, position: batch?.reached ?? undefined };
    });

export const recommendationLogRetention: Retention = {
  table: 'recommendation_logs',
  remove: byTime(
    (db, from, cutoff, most) => db<Batch>`
      with gone as (
        delete from recommendation_logs
        where rec_id = any(array(
          select rec_id from recommendation_logs
          where returned_at >= ${from}::timestamptz and returned_at < ${cutoff}::timestamptz
          order by returned_at limit ${most}))
        returning returned_at
      )
      select count(*)::integer as removed, max(returned_at) as reached from gone`,
  ),
};

export const auditRetention: Retention = {
  table: 'system_audit',
  remove: byTime(
    (db, from, cutoff, most) => db<Batch>`
      with gone as (
        delete from system_audit
        where id = any(array(
          select id from system_audit
          where created_at >= ${from}::timestamptz and created_at < ${cutoff}::timestamptz
          order by created_at, id limit ${most}))
        returning created_at
      )
      select count(*)::integer as removed, max(created_at) as reached from gone`,
  ),
};

/** What is removed no longer counts for popularity, so the same statement says what is to be counted anew. */
export const interactionRetention: Retention = {
  table: 'interactions',
  remove: byTime(
    (db, from, cutoff, most) => db<Batch>`
      with gone as (
        delete from interactions
        where id = any(array(
          select id from interactions
          where created_at >= ${from}::timestamptz and created_at < ${cutoff}::timestamptz
          order by created_at limit ${most}))
        returning product_id, created_at
      ),
      stale as (
        insert into dirty_keys (kind, key)
        select distinct 'popularity', product_id from gone where product_id is not null order by product_id
      )
      select count(*)::integer as removed, max(created_at) as reached from gone`,
  ),
};

/** Of parked events only those that a rule refused: what waits or failed is for somebody to look after. */
export const refusedEventRetention: Retention = {
  table: 'parked_events',
  remove: byTime(
    (db, from, cutoff, most) => db<Batch>`
      with gone as (
        delete from parked_events
        where state = 'refused' and event_id = any(array(
          select event_id from parked_events
          where state = 'refused' and parked_at >= ${from}::timestamptz and parked_at < ${cutoff}::timestamptz
          order by parked_at, event_id limit ${most}))
        returning event_id, parked_at
      ),
      conflicts_gone as (delete from event_conflicts where event_id = any(array(select event_id from gone)))
      select count(*)::integer as removed, max(parked_at) as reached from gone`,
  ),
};

const partitions = [0, 1, 2, 3, 4, 5, 6, 7];
/** Pages looked through by one statement: 32 MiB. */
const windowPages = 4_096;

/** The ledger, partition by partition, in the order of its pages; conflicts go with their ids. */
export const eventIdRetention: Retention = {
  table: 'processed_events',
  async *remove(db, cutoff, most) {
    for (const part of partitions) {
      const [size] = await db<{ pages: number }>`
        select (pg_relation_size(${`processed_events_${part}`}::regclass)
          / current_setting('block_size')::integer)::integer as pages`;
      for (let page = 0; page < (size?.pages ?? 0); page += windowPages) {
        yield* steps<string>(most, async (position) => {
          const [batch] = await db<Batch>`
            select removed, reached::text as reached
            from forget_event_ids(${part}, ${position ?? `(${page},0)`}::text::tid, ${page + windowPages},
              ${cutoff}::timestamptz, ${most})`;
          return { removed: batch?.removed ?? 0, position: batch?.reached ?? undefined };
        });
      }
    }
  },
};
