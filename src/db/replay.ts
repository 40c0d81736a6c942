import type { Db } from './database.ts';

export interface ReplayEvent {
  event_id: string;
  job: string;
  parked_at: string;
  /** Only where it was asked for: it may be large. */
  payload?: unknown;
}

/**
 * Parked events to be applied again, oldest first, a page at a time: those with the given ids in whatever state, else
 * all that failed.
 */
export const listForReplay = (
  db: Db,
  {
    eventIds,
    withPayload,
    after,
    limit,
  }: {
    eventIds: readonly string[] | undefined;
    withPayload: boolean;
    after: { parked_at: string; event_id: string } | undefined;
    limit: number;
  },
) => db<ReplayEvent>`
  select event_id, job, parked_at, case when ${withPayload} then payload end as payload
  from parked_events
  where ${eventIds === undefined ? db.fragment`state = 'failed'` : db.fragment`event_id = any(${eventIds}::uuid[])`}
    and (${after?.event_id ?? null}::uuid is null
      or (parked_at, event_id) > (${after?.parked_at ?? null}::timestamptz, ${after?.event_id ?? null}::uuid))
  order by parked_at, event_id
  limit ${limit}`;
