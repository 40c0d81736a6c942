import type { Db } from './database.ts';
import { applyBy } from './events.ts';
import { before, type OwnedLine, type OwnLines, ownLines, type Page } from './own-lines.ts';

/**
 * Write interactions, each once, with stubs for users and sessions not seen before. Their columns as arrays, for there are
 * more of them than of all else, and JSON takes PostgreSQL longer to read.
 */
export const applyInteractions = applyBy((db, rows, { pepper, again }) => {
  const column = (name: string) => rows.map((row) => row[name] ?? null);
  return db`
    select applied, waiting, refused, conflicts, freed
    from apply_interactions(
      ${column('event_id')}::uuid[], ${rows.map(({ payload_hash }) => payload_hash)}::bigint[],
      ${column('user_id')}::uuid[], ${column('product_id')}::uuid[], ${column('session_id')}::uuid[],
      ${column('event_type')}::varchar[], ${column('event_value')}::numeric[], ${column('platform')}::varchar[],
      ${rows.map(({ device }) => (device === undefined ? null : JSON.stringify(device)))}::varchar[],
      ${rows.map(({ at, created_at }) => created_at ?? at)}::timestamptz[], ${pepper}, ${again})`;
});

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
