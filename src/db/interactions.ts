import type { Db } from './database.ts';
import { applyBy } from './events.ts';

/** Write interactions, each once, with stubs for users and sessions not seen before. */
export const applyInteractions = applyBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts from apply_interactions(${batch}::text::jsonb, ${pepper}, ${again})`,
);

export interface HistoryItem {
  id: number;
  product_id: string;
  session_id: string | null;
  event_type: string;
  event_value: string | null;
  platform: string | null;
  device: Record<string, unknown> | null;
  created_at: string;
}

/** A user's interactions, newest first, a page at a time. */
export const listHistory = (
  db: Db,
  {
    userId,
    before,
    limit,
  }: { userId: string; before?: { created_at: string; id: number } | undefined; limit: number },
) => db<HistoryItem>`
  -- Fenced: to save the sort the planner would rather walk the index on created_at backwards, through everybody's
  -- events, until it has met enough of this user's.
  with own as materialized (
    select id, product_id, session_id, event_type, event_value, platform, device, created_at
    from interactions
    where user_id = ${userId}
  )
  select id, product_id, session_id, event_type, event_value, platform, device, created_at
  from own
  where ${before?.id ?? null}::bigint is null
    or (created_at, id) < (${before?.created_at ?? null}::timestamptz, ${before?.id ?? null}::bigint)
  order by created_at desc, id desc
  limit ${limit}`;
