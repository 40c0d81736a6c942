import type { Db } from './database.ts';

export type ParkedState = 'waiting' | 'failed' | 'refused';

export interface ParkedEvent {
  event_id: string;
  job: string;
  state: ParkedState;
  reason: string;
  detail: string | null;
  waits_for: string | null;
  payload: Record<string, unknown>;
  parked_at: string;
}

export interface Parking {
  event_id: string;
  payload: unknown;
  payload_hash: number;
  reason: string;
  detail?: string;
  waits_for?: string;
}

/** An error's words as PostgreSQL can hold them: they may quote what it could not. */
const printable = (detail: string): string => detail.toWellFormed().replaceAll('\0', '\\0').slice(0, 2_000);

/**
 * Set events aside with their reason; failed ones get an audit row in the same statement. An event that is parked
 * already keeps its first payload and place; `again` (it was tried once more) renews why it is there. Events that name
 * whom somebody asked to forget are dropped.
 */
export const parkEvents = (
  db: Db,
  {
    job,
    state,
    again,
    waitSeconds,
    pepper,
    events,
  }: {
    job: string;
    state: ParkedState;
    again: boolean;
    /** How long waiting events wait. */
    waitSeconds: number;
    /** Key of the hashes by which erased persons are recognised. */
    pepper: Buffer;
    events: readonly Parking[];
  },
) => db`
  select park_events(${job}, ${state}, ${again}, ${waitSeconds}, ${pepper},
    ${events.map(({ event_id }) => event_id)}::uuid[],
    ${events.map(({ payload }) => JSON.stringify(payload))}::text[],
    ${events.map(({ payload_hash }) => payload_hash)}::bigint[],
    ${events.map(({ reason }) => reason)}::text[],
    ${events.map(({ detail }) => (detail === undefined ? null : printable(detail)))}::text[],
    ${events.map(({ waits_for }) => waits_for ?? null)}::text[])`;

/** The parked events of one job with these ids, as they were stored. Ids that are not parked are left out. */
export const listParkedById = (db: Db, job: string, eventIds: readonly string[]) => db<{
  payload: Record<string, unknown>;
}>`
  select payload from parked_events where job = ${job} and event_id = any(${eventIds}::uuid[]) order by event_id`;

/** The events that wait for any of these, such as `product:<id>`. */
export const listWaitingFor = async (db: Db, keys: readonly string[]) =>
  keys.length === 0
    ? []
    : db<{ event_id: string; job: string }>`
        select event_id, job
        from parked_events
        where state = 'waiting' and waits_for = any(${[...new Set(keys)]}::text[])
        order by parked_at`;

/**
 * Waiting events whose time has come: what they wait for is there by now.
 * @param among Only these, if given.
 * @returns at most `limit` ids with the job that applies them.
 */
export const listReleasable = (db: Db, limit: number, among?: readonly string[]) => db<{
  event_id: string;
  job: string;
}>`
  select event_id, job
  from (
    select event_id, job, parked_at, split_part(waits_for, ':', 1) as what,
      payload,
      -- As the handler makes it.
      coalesce(payload ->> 'occurred_at', payload ->> 'last_seen_at', payload ->> 'received_at') || ' ' || event_id
        as clock,
      substr(waits_for, strpos(waits_for, ':') + 1) as whom
    from parked_events
    where state = 'waiting' and (${among ?? null}::uuid[] is null or event_id = any(${among ?? null}::uuid[]))
  ) w
  -- Scalar subqueries: where it only has to exist, the planner may make a hash of the whole table.
  where case what
    when 'product' then (select true from products p where p.product_id = whom::uuid limit 1)
    when 'category' then (select true from categories c where c.slug = whom limit 1)
    when 'category_id' then (select true from categories c where c.category_id = whom::integer limit 1)
    when 'review' then (select true from reviews r where r.review_id = review_of(whom::uuid) limit 1)
      -- These also apply to one that was deleted since; a vote that is newer than the deletion does not.
      or job in ('delete-review', 'moderate-review') and review_known(review_of(whom::uuid))
    when 'order' then (select true from purchase_history h where h.order_id = whom::uuid limit 1)
    -- Overtaken by a newer event of its own product or user, an event no longer needs what it waits for.
    when 'sku' then (select true from products p where p.sku = whom limit 1) is null
      or (select greatest(v.put, (v.fields ->> 'sku') collate "C") > clock
        from row_versions v where v.kind = 'product' and v.key = payload ->> 'product_id')
    when 'username' then (select true from users u where u.username = whom limit 1) is null
      or (select (v.fields ->> 'username') collate "C" > clock
        from row_versions v where v.kind = 'user' and v.key = payload ->> 'user_id')
  end
  order by parked_at
  limit ${limit}`;

/** Waiting events that waited long enough are failed now: visible, replayable, audited, not lost. */
export const failExpired = (db: Db) => db<{ event_id: string; job: string }>`
  with expired as (
    update parked_events
    set state = 'failed', detail = 'waited for ' || waits_for || ' and it did not come', expires_at = null
    where state = 'waiting' and expires_at <= now()
    returning event_id, job, reason, waits_for
  ), audited as (
    insert into system_audit (component, severity, message, payload)
    select 'events', 'error', 'waiting event parked as failed',
      json_build_object('event_id', event_id, 'job', job, 'reason', reason, 'waited_for',
        -- A name is personal, and the audit outlives the person.
        case when waits_for like 'username:%' then 'username' else waits_for end)
    from expired
  )
  select event_id, job from expired`;

export interface ParkedFilter {
  state?: ParkedState;
  job?: string;
  reason?: string;
  after?: { parked_at: string; event_id: string };
  limit: number;
}

/** Parked events, oldest first, a page at a time. */
export const listParked = (db: Db, { state, job, reason, after, limit }: ParkedFilter) => db<
  Omit<ParkedEvent, 'waits_for'> & { waits_for: string | null; expires_at: string | null }
>`
  select event_id, job, state, reason, detail, waits_for, payload, parked_at, expires_at
  from parked_events
  where state = ${state ?? 'failed'}
    and (${job ?? null}::varchar is null or job = ${job ?? null})
    and (${reason ?? null}::varchar is null or reason = ${reason ?? null})
    and (${after?.event_id ?? null}::uuid is null
      or (parked_at, event_id) > (${after?.parked_at ?? null}::timestamptz, ${after?.event_id ?? null}::uuid))
  order by parked_at, event_id
  limit ${limit}`;

/** Put a repaired payload in place of the stored one. */
export const repairParked = (
  db: Db,
  eventId: string,
  { payload, payload_hash }: { payload: unknown; payload_hash: number },
) => db`
  update parked_events
  set payload = ${JSON.stringify(payload)}::text::json, payload_hash = ${payload_hash}
  where event_id = ${eventId}`;

/** How many events are parked, by state. */
export const countParked = (db: Db) => db<{ state: ParkedState; events: number }>`
  select state, count(*)::integer as events from parked_events group by state`;
