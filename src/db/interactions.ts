import { parseArray } from './array-types.ts';
import type { Db } from './database.ts';
import {
  type Applied,
  type ApplyColumns,
  type ApplyOptions,
  type ApplyRow,
  applyBy,
  arrivalsOf,
  type EventColumns,
  only,
} from './events.ts';
import { before, type OwnedLine, type OwnLines, ownLines, type Page } from './own-lines.ts';

interface Columns {
  hashes: unknown;
  /** The column of a field. */
  of(name: string): unknown;
  times: unknown;
}

/** Columns as arrays, for there are more interactions than of all else, and JSON takes PostgreSQL longer to read. */
const apply = (db: Db, { hashes, of, times }: Columns, { pepper, again }: ApplyOptions) => db<Applied>`
  select applied, waiting, refused, conflicts, freed
  from apply_interactions(
    ${of('event_id')}::uuid[], ${hashes}::bigint[], ${of('user_id')}::uuid[], ${of('product_id')}::uuid[],
    ${of('session_id')}::uuid[], ${of('event_type')}::varchar[], ${of('event_value')}::numeric[],
    ${of('platform')}::varchar[], ${of('device')}::varchar[], ${times}::timestamptz[], ${pepper}, ${again})`;

/** Write interactions, each once, with stubs for users and sessions not seen before. */
export const applyInteractions = applyBy((db, rows, options) => {
  const device = ({ device: given }: ApplyRow) => (given === undefined ? null : JSON.stringify(given));
  return apply(
    db,
    {
      hashes: rows.map(({ payload_hash }) => payload_hash),
      of: (name) => rows.map(name === 'device' ? device : (row) => row[name] ?? null),
      times: rows.map(({ at, created_at }) => created_at ?? at),
    },
    options,
  );
});

/** When they happened: what they say of it, or else when they arrived. */
const timesOf = (columns: EventColumns): string => {
  const { created_at, occurred_at } = columns.fields;
  const said = [created_at, occurred_at].flatMap((times) => (times ? [parseArray(times)] : []));
  const arrived = arrivalsOf(columns);
  const times = said.length === 0 ? arrived : arrived.map((at, n) => said[0]?.[n] ?? said[1]?.[n] ?? at);
  return `{${times.join(',')}}`;
};

/** As `applyInteractions`. */
export const applyInteractionColumns: ApplyColumns = async (db, columns, options) =>
  only(
    await apply(
      db,
      // What is missing at the end of an array is null to `unnest`.
      { hashes: columns.hashes, of: (name) => columns.fields[name] ?? '{}', times: timesOf(columns) },
      { ...options, again: false },
    ),
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
