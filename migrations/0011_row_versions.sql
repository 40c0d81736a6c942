-- Events may come late, twice or out of order. Whatever can be replaced remembers here when it was last written, so that
-- the newest wins whatever the order of arrival. The rows outlive what they speak of: a deletion is not undone by an
-- older event that was on its way.
--
-- A clock is a text, `<UTC time with six digits> <event id>`: texts compare as the events do, ties of time included.
create table row_versions (
  kind varchar not null,
  key varchar collate "C" not null,
  -- Of the newest event that wrote the row as a whole, and of the newest that deleted it. It is there if put > deleted.
  put varchar collate "C",
  deleted varchar collate "C",
  -- Clocks of the writes since the deletion, oldest first, at most 100: the first tells since when the row is there.
  born varchar[],
  -- Clocks of single fields that were written since `put`.
  fields jsonb not null default '{}',
  -- What has to be known of the newest write even when the row is not there.
  doc jsonb,
  primary key (kind, key)
);
-- A person's votes and reviews, for merges and erasures; their keys begin with, or are, the review.
create index row_versions_vote_user on row_versions (right(key, 36)) where kind = 'vote';
create index row_versions_review_user on row_versions ((doc ->> 'user_id')) where kind = 'review';

-- Who an old id of a merged visitor stands for.
create table user_aliases (
  old_user_id uuid primary key,
  user_id uuid not null
);
create index user_aliases_user_id on user_aliases (user_id);

-- Reviews have the id made of user and product; a merge gives those of the visitor new ones.
create table review_aliases (
  old_review_id uuid primary key,
  review_id uuid not null
);
create index review_aliases_review_id on review_aliases (review_id);

-- Who asked to be forgotten, and which reviews, orders and sessions were theirs, as keyed hashes of the ids: enough to
-- recognise late events about them, not enough to name them.
create table erased_ids (
  id_hash bytea primary key,
  erased_at timestamptz not null default now()
);

create extension if not exists "uuid-ossp";

-- Applies hold this shared, merges and erasures alone: who an id stands for does not change under a running apply.
-- Call it first, as a statement of its own, so that all later ones see what was decided before.
create function share_identities() returns void
language sql as 'select pg_advisory_xact_lock_shared(7031, 1)';
create function own_identities() returns void
language sql as 'select pg_advisory_xact_lock(7031, 1)';

create function is_erased(id uuid, pepper bytea) returns boolean
language sql stable as $$
  select coalesce((select true from erased_ids where id_hash = sha256(pepper || uuid_send(id))), false)
$$;

create function remember_erased(ids uuid[], pepper bytea) returns void
language sql as $$
  insert into erased_ids (id_hash)
  select distinct sha256(pepper || uuid_send(id)) from unnest(ids) as id where id is not null order by 1
  on conflict (id_hash) do nothing
$$;

-- The ids that stand anywhere in a text.
create function uuids_in(content text) returns uuid[]
language sql immutable as $$
  select array(
    select (m.found)[1]::uuid
    from regexp_matches(content, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'gi') as m(found))
$$;

-- The person an id stands for; null when the person was erased.
create function person_of(id uuid, pepper bytea) returns uuid
language sql stable as $$
  select case
    when is_erased(id, pepper) then null
    else coalesce((select a.user_id from user_aliases a where a.old_user_id = id), id)
  end
$$;

create function review_of(id uuid) returns uuid
language sql stable as $$
  select coalesce((select a.review_id from review_aliases a where a.old_review_id = id), id)
$$;

-- The id of a person's review of a product: the same the API hands out.
create function review_id_for(user_id uuid, product_id uuid) returns uuid
language sql immutable as $$
  select uuid_generate_v5('5b0c1d36-7e57-4f0b-9d0e-2f4a8c6b1e93', user_id::text || ':' || product_id::text)
$$;

-- Rows for users that events name and nobody has described yet.
create function stub_users(ids uuid[]) returns void
language sql as $$
  insert into users (user_id, is_anonymous, is_active)
  select distinct id, true, true
  from unnest(ids) as id
  where id is not null and (select true from users u where u.user_id = id) is null
  order by id
  on conflict (user_id) do nothing
$$;

-- What an apply function answers: which events took effect now and how many; which wait, and for what; which a rule
-- refuses, and why; which ids were used before for another payload; and what there is now that others may wait for, such
-- as `product:<id>`. All other events are repeats.
create type apply_result as (
  fresh uuid[], applied integer, waiting jsonb, refused jsonb, conflicts uuid[], freed varchar[]);

-- The events of a batch that take effect now.
create function only_fresh(batch jsonb, fresh uuid[]) returns jsonb
language sql immutable as $$
  select coalesce(jsonb_agg(e.value), '[]')
  from jsonb_array_elements(batch) as e
  where (e.value ->> 'event_id')::uuid in (select unnest(fresh))
$$;

-- Put the ids of a batch into the ledger. `verdicts`: an object per event with event_id, payload_hash and, where it
-- cannot take effect, waits_for or refused. `again`: the events come out of parked_events and may leave it.
create function claim_events(job_name varchar, verdicts jsonb, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
begin
  with event as materialized (
    select v.*,
      (select p.payload_hash from parked_events p where p.event_id = v.event_id) as parked_hash,
      (select l.payload_hash from processed_events l where l.event_id = v.event_id) as applied_hash
    from jsonb_to_recordset(verdicts) as v(event_id uuid, payload_hash bigint, waits_for varchar, refused varchar)
  ),
  open as materialized (
    select * from event where applied_hash is null and (again or parked_hash is null)
  ),
  claimed as (
    insert into processed_events (event_id, job, payload_hash)
    select event_id, job_name, payload_hash from open where waits_for is null and refused is null order by event_id
    on conflict (event_id) do nothing
    returning event_id
  ),
  unparked as (
    delete from parked_events p
    using event e
    where again and p.event_id = e.event_id
      and (e.applied_hash is not null or e.waits_for is null and e.refused is null)
  )
  select
    coalesce((select array_agg(event_id) from claimed), '{}'),
    coalesce((select jsonb_agg(jsonb_build_object('event_id', o.event_id, 'waits_for', o.waits_for))
      from open o where o.waits_for is not null and o.refused is null), '[]'),
    coalesce((select jsonb_agg(jsonb_build_object('event_id', o.event_id, 'reason', o.refused))
      from open o where o.refused is not null), '[]'),
    coalesce((select array_agg(event_id) from event
      where coalesce(applied_hash, case when again then null else parked_hash end) <> payload_hash), '{}')
  into result.fresh, result.waiting, result.refused, result.conflicts;
  result.applied := cardinality(result.fresh);
  result.freed := '{}';
  return result;
end
$$;

-- Set events aside with their reason; failed ones get an audit row. An event that is parked already keeps its first
-- payload and place; `again` (it was tried once more) renews why it is there. One that names whom somebody asked to forget
-- is not kept: it was judged before the erasure, and comes only now.
create function park_events(
  job_name varchar, new_state varchar, again boolean, wait_seconds double precision, pepper bytea, ids uuid[],
  payloads text[], hashes bigint[], reasons text[], details text[], waits text[]) returns void
language plpgsql as $$
begin
  perform share_identities();
  with parked as (
    insert into parked_events (event_id, job, state, reason, detail, waits_for, payload, payload_hash, expires_at)
    select e.event_id, job_name, new_state, e.reason, e.detail, e.waits_for, e.payload::json, e.payload_hash,
      case when new_state = 'waiting' then now() + wait_seconds * interval '1 second' end
    -- Payloads as texts: what parses JSON on the way would stumble over the very NUL that brought an event here.
    from unnest(ids, payloads, hashes, reasons, details, waits)
      as e(event_id, payload, payload_hash, reason, detail, waits_for)
    where not exists (select from unnest(uuids_in(e.payload)) as id where is_erased(id, pepper))
    order by e.event_id
    on conflict (event_id) do update
      -- A waiting event that is tried again and still cannot go keeps its first deadline.
      set reason = excluded.reason, detail = excluded.detail, state = excluded.state, waits_for = excluded.waits_for,
        expires_at = coalesce(parked_events.expires_at, excluded.expires_at)
      where again
    returning event_id, state, reason
  )
  insert into system_audit (component, severity, message, payload)
  select 'events', 'error', 'event parked',
    json_build_object('event_id', p.event_id, 'job', job_name, 'reason', p.reason)
  from parked p
  where p.state = 'failed';
end
$$;

-- The keys `<prefix>:…`. Prefix by prefix: joined as a range, the planner would rather read the table.
create function keys_under(row_kind varchar, prefixes varchar[]) returns varchar[]
language sql stable as $$
  select array(
    select found.key
    from unnest(prefixes) as p
    cross join lateral (
      select v.key from row_versions v where v.kind = row_kind and v.key >= p || ':' and v.key < p || ';' offset 0
    ) as found)
$$;

-- Lock the versions of these keys, in order, making those that are not there yet.
create function lock_versions(row_kind varchar, keys varchar[]) returns void
language plpgsql as $$
begin
  insert into row_versions (kind, key)
  select distinct row_kind, k collate "C" from unnest(keys) as k order by 2
  on conflict (kind, key) do nothing;
  perform from row_versions v where v.kind = row_kind and v.key = any(keys) order by v.key for update;
end
$$;

-- Bring events that write or delete whole rows together with what is known of those rows. `changes`: objects with key,
-- clock, deletes and doc (what to write). Returns the keys whose row has to change: `present` says whether it is there
-- from now on, `doc` what to write (null: the row stays but for first_at), since when and as of when it is there.
-- `keep` names the fields of the doc that are remembered beside its clock.
-- Only the hundred oldest writes are remembered one by one: should a deletion that comes late take all of them, the row is
-- there since its newest.
create function settle_rows(row_kind varchar, changes jsonb, keep varchar[] default '{}')
returns table (key varchar, present boolean, appeared boolean, doc jsonb, first_at timestamptz, last_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
begin
  perform lock_versions(row_kind, array(select c.key from jsonb_to_recordset(changes) as c(key varchar)));
  return query
  with change as materialized (
    select c.key, c.clock collate "C" as clock, c.deletes, c.doc
    from jsonb_to_recordset(changes) as c(key varchar, clock varchar, deletes boolean, doc jsonb)
  ),
  newest as (
    select c.key, max(c.clock) filter (where not deletes) as put, max(c.clock) filter (where deletes) as deleted,
      coalesce(array_agg(c.clock) filter (where not deletes), '{}') as puts
    from change c
    group by c.key
  ),
  settled as materialized (
    select v.key, v.born[1] as old_first,
      greatest(v.put, n.put) as put, greatest(v.deleted, n.deleted) as deleted,
      coalesce(n.put > coalesce(v.put, ''), false) as written,
      coalesce(v.put > coalesce(v.deleted, ''), false) as was_present,
      coalesce(greatest(v.put, n.put) > coalesce(greatest(v.deleted, n.deleted), ''), false) as present,
      array(
        select distinct b collate "C" from unnest(v.born || n.puts) as b
        where b collate "C" > coalesce(greatest(v.deleted, n.deleted), '') order by 1 limit 100
      ) as born,
      (select c.doc from change c where c.key = v.key and c.clock = n.put limit 1) as doc
    from newest n
    join row_versions v on v.kind = row_kind and v.key = n.key
  ),
  stored as (
    update row_versions v
    set put = s.put, deleted = s.deleted, born = s.born,
      doc = case when s.written
        then (select jsonb_object_agg(k, s.doc -> k) from unnest(keep) as k) else v.doc end
    from settled s
    where v.kind = row_kind and v.key = s.key
  )
  select s.key, s.present, s.present and not s.was_present,
    case when s.present and s.written then s.doc end,
    case when s.present then split_part(coalesce(s.born[1], s.put), ' ', 1)::timestamptz end,
    case when s.present then split_part(s.put, ' ', 1)::timestamptz end
  from settled s
  where s.present <> s.was_present or s.present and (s.written or s.born[1] is distinct from s.old_first)
  order by s.key;
end
$$;

-- The same for rows whose fields have a clock each. `changes`: objects with key, clock, fields (name to value), and
-- whole: true when it writes every field, but `available`, which always stands alone. Returns, for each key of which
-- something changes, the fields to write, the time of the first whole write and of the newest of all.
create function settle_fields(row_kind varchar, changes jsonb)
returns table (key varchar, patch jsonb, first_at timestamptz, last_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
begin
  perform lock_versions(row_kind, array(select c.key from jsonb_to_recordset(changes) as c(key varchar)));
  return query
  with change as materialized (
    select c.key, c.clock collate "C" as clock, coalesce(c.whole, false) as whole, c.fields
    from jsonb_to_recordset(changes) as c(key varchar, clock varchar, whole boolean, fields jsonb)
  ),
  offered as (
    select distinct on (c.key, f.key) c.key, f.key as field, f.value, c.clock, c.whole and f.key <> 'available' as covered
    from change c, jsonb_each(c.fields) as f
    order by c.key, f.key, c.clock desc
  ),
  won as materialized (
    select o.*
    from offered o
    -- Key by key: for a batch with many fields the planner would rather read every version of this kind.
    cross join lateral (
      select fields, put from row_versions where kind = row_kind and key = o.key limit 1
    ) v
    where o.clock > coalesce(
      greatest((v.fields ->> o.field) collate "C", case when o.field <> 'available' then v.put end), '')
  ),
  settled as materialized (
    select v.key,
      greatest(v.put, (select max(c.clock) from change c where c.key = v.key and c.whole)) as put,
      least(v.born[1] collate "C", (select min(c.clock) from change c where c.key = v.key and c.whole)) as first,
      v.fields || coalesce((select jsonb_object_agg(w.field, w.clock) from won w where w.key = v.key and not covered), '{}')
        as fields,
      (select jsonb_object_agg(w.field, w.value) from won w where w.key = v.key) as patch,
      v.born[1] as old_first
    from row_versions v
    where v.kind = row_kind and v.key in (select c.key from change c)
  ),
  stored as (
    update row_versions v
    set put = s.put, born = case when s.first is null then null else array[s.first] end,
      -- A later whole write has overtaken these; what is left of them says nothing more.
      fields = coalesce(
        (select jsonb_object_agg(f.key, f.value) from jsonb_each_text(s.fields) as f
          where f.key = 'available' or f.value collate "C" > coalesce(s.put, '')), '{}')
    from settled s
    where v.kind = row_kind and v.key = s.key
  )
  select s.key, coalesce(s.patch, '{}'), split_part(s.first, ' ', 1)::timestamptz,
    split_part(greatest(s.put, (select max(f.value collate "C") from jsonb_each_text(s.fields) as f)), ' ', 1)::timestamptz
  from settled s
  where s.patch is not null or s.first is distinct from s.old_first
  order by s.key;
end
$$;

-- Mark keys as stale. Only inserted, so that nobody waits for anybody.
create function mark_dirty(dirty_kind varchar, keys uuid[]) returns void
language sql as $$
  insert into dirty_keys (kind, key) select distinct dirty_kind, k from unnest(keys) as k where k is not null order by k
$$;

-- The clock of a row from before there were events: that of its own time, older than any event's of that time.
create function clock_of(at timestamptz) returns varchar
language sql stable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ' 00000000-0000-0000-0000-000000000000'
$$;

create function adopt_versions(row_kind varchar, rows jsonb) returns void
language sql as $$
  insert into row_versions (kind, key, put, born, doc)
  select row_kind, r.key, clock_of(r.at), array[clock_of(coalesce(r.first_at, r.at))], r.doc
  from jsonb_to_recordset(rows) as r(key varchar, at timestamptz, first_at timestamptz, doc jsonb)
  order by r.key collate "C"
  on conflict (kind, key) do nothing
$$;

-- Give every row that has no version one, as of its own time: for rows that were copied into the tables by hand, such as
-- those of the demo shop. Without it an event would know of nothing to delete or to be older than.
create function adopt_rows() returns void
language plpgsql as $$
begin
  perform adopt_versions('cart', (select jsonb_agg(jsonb_build_object('key', user_id || ':' || product_id,
    'at', updated_at, 'first_at', added_at)) from user_cart));
  perform adopt_versions('wish', (select jsonb_agg(jsonb_build_object('key', user_id || ':' || product_id,
    'at', added_at)) from user_wishlist));
  perform adopt_versions('vote', (select jsonb_agg(jsonb_build_object('key', review_id || ':' || user_id,
    'at', created_at)) from review_helpful_votes));
  perform adopt_versions('review', (select jsonb_agg(jsonb_build_object('key', review_id, 'at', updated_at,
    'first_at', created_at, 'doc', jsonb_build_object('user_id', user_id, 'product_id', product_id))) from reviews));
  perform adopt_versions('image', (select jsonb_agg(jsonb_build_object('key', image_id, 'at', created_at,
    'doc', jsonb_build_object('is_primary', is_primary))) from product_images));
  perform adopt_versions('product', (select jsonb_agg(jsonb_build_object('key', product_id, 'at', updated_at,
    'first_at', created_at)) from products));
  insert into row_versions (kind, key, fields)
  select 'session', session_id, jsonb_build_object('started_at', clock_of(started_at), 'user_id', clock_of(started_at),
    'ended_at', clock_of(started_at), 'context', clock_of(started_at))
  from sessions
  order by session_id
  on conflict (kind, key) do nothing;
end
$$;
