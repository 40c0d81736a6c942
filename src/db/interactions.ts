import type { Db } from './database.ts';
import { applyBy } from './events.ts';
import { before, type OwnedLine, type OwnLines, ownLines, type Page } from './own-lines.ts';

/** Write interactions, each once, with stubs for users and sessions not seen before. */
export const applyInteractions = applyBy(
  (db, batch, { pepper, again }) => db`
  select applied, waiting, refused, conflicts, freed from apply_interactions(${batch}::text::json, ${pepper}, ${again})`,
  // The rest of an event is as long again, and would be written and read for nothing.
  (row) => ({
    event_id: row.event_id,
    payload_hash: row.payload_hash,
    user_id: row.user_id,
    product_id: row.product_id,
    session_id: row.session_id,
    event_type: row.event_type,
    event_value: row.event_value,
    platform: row.platform,
    device: row.device,
    created_at: row.created_at,
    at: row.at,
  }),
);

export interface HistoryItem {
  product_id: string;
  session_id: string | null;
  event_type: string;
  event_value: string | null;
  platform: string | null;
  device: Record<string, unknown> | null;
  created_at: string;
}

/** A user's interactions, newest first, a page at a time; undefined when there is no such user. */
export const listHistory = async (db: Db, { userId, after, limit }: Page): Promise<OwnLines<HistoryItem>> =>
  ownLines(
    await db<OwnedLine<HistoryItem>>`
      with person as materialized (select user_id from users where user_id = user_behind(${userId})),
      -- Fenced: to save the sort the planner would rather walk the index on created_at backwards, through everybody's
      -- events, until it has met enough of this user's.
      own as materialized (
        select id, product_id, session_id, event_type, event_value, platform, device, created_at
        from interactions
        where user_id = (select user_id from person)
      )
      select person.user_id, l.id, l.product_id, l.session_id, l.event_type, l.event_value, l.platform, l.device,
        l.created_at
      from person
      left join lateral (
        select id, product_id, session_id, event_type, event_value, platform, device, created_at
        from own
        where ${before(db, db.fragment`created_at`, after)}
        order by created_at desc, id desc
        limit ${limit}
      ) l on true
      order by l.created_at desc, l.id desc`,
  );
