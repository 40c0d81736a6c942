import { createDatabase, type Db } from '../../src/db/database.ts';
import type { SentEvent } from './event-log.ts';

export interface Finding {
  what: string;
  count: number;
  /** The first few, for a person. */
  examples: string[];
}

export interface Judgement {
  events: number;
  lost: number;
  double: number;
  unexpected: number;
  recovered: number;
  aggregates_differ: number;
  findings: Finding[];
}

/** The score of a product with this half-life, from the weights of its events and the days since 2020 they came on. */
const popularity = (db: Db, days: number) => db.fragment`
  ln(sum(weight * exp((day - 2200) * ln(2) / ${days}::float8))) + 2200 * ln(2) / ${days}::float8`;

/**
 * A judge in the spirit of Jepsen's queue checker. It knows what clients wrote down and what rows there are, and counts
 * everything itself: no function, view or figure of the system under test has a say. It keeps its books in a schema of its
 * own.
 */
export const createJudge = async (url: string) => {
  // To look on while servers come and go, and to count when they are back.
  const watching = createDatabase(url, { poolSize: 2, queryTimeoutMs: 5_000, name: 'judge' });
  const connect = () => createDatabase(url, { poolSize: 1, queryTimeoutMs: 300_000, name: 'judge' });
  let db = connect();
  await db`create schema if not exists judge`;
  await db`
    create table judge.sent (
      event_id uuid primary key, scenario text not null, kind text not null, key text not null, at timestamptz not null,
      op text not null, parts integer not null, planted boolean not null)`;
  await db`create table judge.accepted (event_id uuid primary key)`;
  // Rows that somebody else judges: another model, or a test's own.
  await db`create table judge.elsewhere (product_id uuid primary key)`;
  await db`create table judge.reported (event_id text primary key)`;
  await db`create index on judge.sent (kind, key)`;
  // Rows that only come, by the event that made them.
  await db`
    create view judge.added as
    select 'interaction' as kind, device ->> 'event' as event_id, count(*) as parts
    from interactions where product_id not in (select product_id from judge.elsewhere)
    group by device ->> 'event'
    union all
    select 'purchase', order_id::text, count(*)
    from purchase_history where product_id not in (select product_id from judge.elsewhere)
    group by order_id`;
  // Rows that are replaced, with the event whose contents they have; null where rows do not tell.
  await db`
    create view judge.written as
    select 'product' as kind, product_id::text as key, metadata_json ->> 'event' as event_id
    from products where product_id not in (select product_id from judge.elsewhere)
    union all
    select 'review', user_id || ':' || product_id, title
    from reviews where product_id not in (select product_id from judge.elsewhere)
    union all
    select 'user', user_id::text, profile ->> 'event' from users where profile ->> 'event' is not null
    union all
    select 'session', session_id::text, context ->> 'event' from sessions where context ->> 'event' is not null
    union all
    select 'cart', user_id || ':' || product_id, coalesce((
        select event_id::text from judge.sent s
        where s.kind = 'cart' and s.key = c.user_id || ':' || c.product_id and s.at = c.updated_at), 'unknown')
    from user_cart c where product_id not in (select product_id from judge.elsewhere)
    union all
    select 'wishlist', user_id || ':' || product_id, null
    from user_wishlist where product_id not in (select product_id from judge.elsewhere)
    union all
    select 'vote', v.review_id || ':' || v.user_id, null
    from review_helpful_votes v join reviews r using (review_id)
    where r.product_id not in (select product_id from judge.elsewhere)`;

  const store = async (scenario: string, sent: readonly SentEvent[], accepted: readonly string[]) => {
    for (let from = 0; from < sent.length; from += 5_000) {
      const part = sent.slice(from, from + 5_000);
      await db`
        insert into judge.sent
        select e.event_id, ${scenario}, e.kind, e.key, e.at, e.op, e.parts, e.planted
        from jsonb_to_recordset(${JSON.stringify(part)}::text::jsonb) as e(
          event_id uuid, kind text, key text, at timestamptz, op text, parts integer, planted boolean)
        on conflict (event_id) do nothing`;
    }
    for (let from = 0; from < accepted.length; from += 20_000)
      await db`
        insert into judge.accepted select unnest(${accepted.slice(from, from + 20_000)}::uuid[]) on conflict do nothing`;
  };

  /** Accepted, and neither in effect nor set aside where a person finds it. */
  const lost = (scenario: string) => db<{ id: string; why: string }>`
    with acked as materialized (
      select s.* from judge.sent s join judge.accepted using (event_id) where s.scenario = ${scenario}
    ),
    parked as materialized (select event_id from parked_events),
    gone as (
      select a.event_id, a.kind || ' without its rows' as why
      from acked a left join judge.added d on d.kind = a.kind and d.event_id = a.event_id::text
      where a.kind in ('interaction', 'purchase') and not a.planted and coalesce(d.parts, 0) < a.parts
        and not exists (select from parked p where p.event_id = a.event_id)
    ),
    newest as (
      select distinct on (kind, key) kind, key, event_id, at, op
      from acked a where kind not in ('interaction', 'purchase') and not planted
        and not exists (select from parked p where p.event_id = a.event_id)
      order by kind, key, at desc
    ),
    overwritten as (
      select n.event_id, n.kind || ' whose row says otherwise' as why
      from newest n left join judge.written w using (kind, key)
      where not exists (
        select from judge.sent c
        where c.kind = n.kind and c.key = n.key and (c.event_id = n.event_id or c.at > n.at)
          and case c.op when 'delete' then w.key is null
            else w.key is not null and coalesce(w.event_id, c.event_id::text) = c.event_id::text end)
    ),
    unknown as (
      select event_id, kind || ' that nobody remembers' as why from acked a
      where not exists (select from parked p where p.event_id = a.event_id)
        and not exists (select from processed_events p where p.event_id = a.event_id)
    )
    select event_id as id, min(why) as why
    from (select * from gone union all select * from overwritten union all select * from unknown) all_of_them
    group by event_id`;

  const double = (scenario: string) => db<{ id: string; why: string }>`
    select s.event_id as id, s.kind || ' has ' || d.parts || ' rows instead of ' || s.parts as why
    from judge.sent s join judge.added d on d.kind = s.kind and d.event_id = s.event_id::text
    where s.scenario = ${scenario} and d.parts > s.parts
    union all
    select s.event_id, s.kind || ' is in effect, and set aside too'
    from judge.sent s join parked_events using (event_id) join processed_events using (event_id)
    where s.scenario = ${scenario}`;

  /** In effect, and nobody ever sent it, or it names what does not exist. */
  const unexpected = () => db<{ id: string; why: string }>`
    with found as (
      select coalesce(d.event_id, '?') as id, d.kind || ' that nobody sent' as why
      from judge.added d
      where not exists (select from judge.sent s where s.event_id::text = d.event_id and not s.planted)
      union all
      select coalesce(w.event_id, w.key), w.kind || ' that nobody wrote'
      from judge.written w
      where not exists (
        select from judge.sent s
        where s.kind = w.kind and s.key = w.key and s.op <> 'delete'
          and s.event_id::text = coalesce(w.event_id, s.event_id::text))
    )
    select id, why from found where id not in (select event_id from judge.reported)`;

  const recovered = (scenario: string) => db<{ events: number }>`
    with effective as (
      select event_id from judge.added
      union
      select event_id::text from processed_events
      where event_id in (select event_id from judge.sent where kind not in ('interaction', 'purchase'))
    )
    select count(*)::integer as events
    from judge.sent s join effective e on e.event_id = s.event_id::text
    where s.scenario = ${scenario} and not exists (select from judge.accepted a where a.event_id = s.event_id)`;

  /** Set aside, though nothing was wrong with it; or wrong, accepted, and not set aside. */
  const misparked = (scenario: string) => db<{ id: string; why: string }>`
    select s.event_id as id, s.kind || ' was set aside: ' || p.state || ', ' || p.reason || coalesce(', ' || p.detail, '') as why
    from judge.sent s join parked_events p using (event_id)
    where s.scenario = ${scenario} and not s.planted
    union all
    select s.event_id, 'poison was not set aside'
    from judge.sent s join judge.accepted using (event_id)
    where s.scenario = ${scenario} and s.planted and s.event_id not in (select event_id from parked_events)`;

  const aggregates = async () => {
    const rating = await db<{ id: string; why: string }>`
      select p.product_id as id, 'products.rating is ' || p.rating || ', its reviews say ' || mean as why
      from products p, lateral (
        select coalesce(round(avg(r.rating), 1), 0.0) as mean
        from reviews r where r.product_id = p.product_id and r.is_approved) counted
      where p.rating is distinct from mean`;
    const helpful = await db<{ id: string; why: string }>`
      select r.review_id as id, 'reviews.helpful_count is ' || r.helpful_count || ', votes are ' || votes as why
      from reviews r, lateral (
        select count(*) as votes from review_helpful_votes v where v.review_id = r.review_id) counted
      where r.helpful_count is distinct from votes`;
    const verified = await db<{ id: string; why: string }>`
      select r.review_id as id, 'reviews.verified_purchase is ' || r.verified_purchase as why
      from reviews r
      where r.verified_purchase is distinct from exists (
        select from purchase_history h
        where h.user_id = r.user_id and h.product_id = r.product_id and h.payment_status = 'completed')`;
    const images = await db<{ id: string; why: string }>`
      select product_id as id, 'has ' || count(*) || ' primary images' as why
      from product_images where is_primary group by product_id having count(*) > 1`;
    const totals = await db<{ id: string; why: string }>`
      select id::text, 'total_price is not quantity times unit_price' as why
      from purchase_history where total_price <> quantity * unit_price`;
    // The default weights and half-lives.
    const popular = await db<{ id: string; why: string }>`
      with event as (
        select product_id, extract(epoch from created_at - timestamptz '2020-01-01 00:00Z')::float8 / 86400 as day,
          case event_type when 'view' then 1 when 'click' then 2 when 'add_to_cart' then 4 when 'wishlist' then 4
            when 'share' then 4 when 'rate' then 4 when 'purchase' then 8 else 0 end::float8 as weight
        from interactions
        union all
        select product_id, extract(epoch from purchased_at - timestamptz '2020-01-01 00:00Z')::float8 / 86400, 8
        from purchase_history where payment_status = 'completed'
      ),
      counted as (
        select product_id, ${popularity(db, 1)} as d1, ${popularity(db, 7)} as d7, ${popularity(db, 30)} as d30
        from event where weight > 0 group by product_id
      )
      select coalesce(c.product_id, p.product_id) as id,
        'product_popularity is ' || coalesce(p.score_7d::text, 'missing') || ', its events say ' ||
          coalesce(c.d7::text, 'nothing') as why
      from counted c full join product_popularity p using (product_id)
      where not coalesce(abs(c.d1 - p.score_1d) < 1e-6 and abs(c.d7 - p.score_7d) < 1e-6
        and abs(c.d30 - p.score_30d) < 1e-6, false)`;
    return [...rating, ...helpful, ...verified, ...images, ...totals, ...popular];
  };

  const finding = (what: string, found: readonly { id: string; why: string }[]): Finding[] =>
    found.length === 0
      ? []
      : [{ what, count: found.length, examples: found.slice(0, 5).map(({ id, why }) => `${id}: ${why}`) }];

  return {
    db: watching,
    /** Products whose rows are judged elsewhere. */
    leaveOut: (products: readonly string[]) => db`
      insert into judge.elsewhere select unnest(${products}::uuid[]) on conflict do nothing`,
    /** Judge what clients wrote down against the tables, once nothing is under way any more. */
    async judge(
      scenario: string,
      books: readonly { sent: readonly SentEvent[]; accepted: readonly string[] }[],
    ): Promise<Judgement> {
      // The connection of before may have died with a server.
      await db.end();
      db = connect();
      // A million events are compared by hash: side by side by their kind, or one by one, would be each with each.
      await db`set work_mem = '256MB'`;
      await db`set enable_mergejoin = off`;
      await db`set enable_nestloop = off`;
      for (const { sent, accepted } of books) await store(scenario, sent, accepted);
      await db`analyze`;
      const found = {
        lost: await lost(scenario),
        double: await double(scenario),
        unexpected: await unexpected(),
        misparked: await misparked(scenario),
        aggregates: await aggregates(),
      };
      await db`
        insert into judge.reported select unnest(${found.unexpected.map(({ id }) => id)}::text[])
        on conflict do nothing`;
      const [again] = await recovered(scenario);
      const [all] = await db<{ events: number }>`
        select count(*)::integer as events from judge.sent where scenario = ${scenario}`;
      return {
        events: all?.events ?? 0,
        lost: found.lost.length,
        double: found.double.length,
        unexpected: found.unexpected.length,
        recovered: again?.events ?? 0,
        aggregates_differ: found.aggregates.length,
        findings: Object.entries(found).flatMap(([what, rows]) => finding(what, rows)),
      };
    },
    close: () => Promise.all([watching.end(), db.end()]),
  };
};

export type Judge = Awaited<ReturnType<typeof createJudge>>;

/** What is left to do by the tables: stale keys whose recount is pending, events that could go. */
export const countPending = async (db: Db): Promise<Record<string, number>> => {
  const rows = await db<{ kind: string; marks: number }>`
    select kind, count(*)::integer as marks from stale_keys
    where kind in ('rating', 'helpful', 'verified', 'popularity') group by kind`;
  return Object.fromEntries(rows.map(({ kind, marks }) => [kind, marks]));
};
