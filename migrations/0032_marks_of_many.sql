-- What one statement makes stale is one mark, whatever it is of: as a row for every user and product, marks took a seventh
-- of PostgreSQL's work on an event. In a table of their own, so that processes of before do not clear what they cannot read;
-- ids are drawn with those of dirty_keys and tell which mark is older.
create table dirty_sets (
  id bigint primary key default nextval('dirty_keys_id_seq'),
  kind varchar not null,
  keys uuid[] not null,
  -- Beside `keys`, the second halves where a pair is stale.
  others uuid[]
);
create index dirty_sets_kind on dirty_sets (kind, id);

-- The marks one by one.
create view stale_keys as
  select id, kind, key, other from dirty_keys
  union all
  select d.id, d.kind, k.key, k.other from dirty_sets d, unnest(d.keys, d.others) as k(key, other);

-- As in 0028. No more than a thousand a mark: whoever reads them has them all in memory.
create or replace function mark_visits_of_new() returns trigger language plpgsql as $$
begin
  insert into dirty_sets (kind, keys, others)
  select 'list', array_agg(user_id), array_agg(visit)
  from (
    select user_id, visit, (row_number() over ()) / 1000 as part
    from (
      select distinct user_id, case when created_at > now() - interval '1 day' then session_id end as visit
      from new_rows
      where user_id is not null
    ) touched
  ) parted
  group by part;
  return null;
end
$$;

-- As in 0031, with one mark for the popularity of all products.
create or replace function apply_interactions(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
begin
  perform share_identities();
  with event as materialized (
    select e.event_id, e.payload_hash,
      coalesce((select a.user_id from user_aliases a where a.old_user_id = e.user_id), e.user_id) as user_id,
      (select true from erased_ids x where x.id_hash = sha256(pepper || uuid_send(e.user_id))) as erased,
      e.product_id, e.session_id, e.event_type, e.event_value, e.platform, e.device,
      coalesce(e.created_at, e.at) as created_at,
      (select true from products p where p.product_id = e.product_id) as product_known,
      (select p.payload_hash from parked_events p where p.event_id = e.event_id) as parked_hash,
      (select l.payload_hash from processed_events l where l.event_id = e.event_id) as applied_hash
    from jsonb_to_recordset(batch) as e(
      event_id uuid, payload_hash bigint, user_id uuid, product_id uuid, session_id uuid, event_type varchar,
      event_value numeric, platform varchar, device json, created_at timestamptz, at timestamptz)
  ),
  fresh as (
    insert into processed_events (event_id, job, payload_hash)
    select event_id, 'record-interactions', payload_hash
    from event
    where (product_known or erased) and applied_hash is null and (again or parked_hash is null)
    order by event_id
    on conflict (event_id) do nothing
    returning event_id
  ),
  novel as materialized (
    select e.* from event e where (e.event_id in (select f.event_id from fresh f)) is true and e.erased is null
  ),
  stub_users as (
    insert into users (user_id, is_anonymous, is_active)
    select n.user_id, true, true
    from novel n
    where (select true from users u where u.user_id = n.user_id) is null
    group by n.user_id
    order by n.user_id
    on conflict (user_id) do nothing
  ),
  stub_sessions as (
    insert into sessions (session_id, started_at)
    select n.session_id, min(n.created_at)
    from novel n
    where n.session_id is not null
    group by n.session_id
    having (select true from sessions s where s.session_id = n.session_id and s.started_at <= min(n.created_at)) is null
      and not is_erased(n.session_id, pepper)
    order by n.session_id
    -- A session began at the latest with its first event, in whatever order they arrive.
    on conflict (session_id) do update set started_at = least(sessions.started_at, excluded.started_at)
    -- Unless somebody said when it began.
    where not start_is_told(excluded.session_id)
  ),
  -- A session of which only an erased person's event was ever heard is theirs.
  forgotten as (
    insert into erased_ids (id_hash)
    select distinct sha256(pepper || uuid_send(e.session_id))
    from event e
    where (e.event_id in (select f.event_id from fresh f)) is true
      and e.erased and e.session_id is not null
      and (select true from sessions s where s.session_id = e.session_id) is null
    order by 1
    on conflict (id_hash) do nothing
  ),
  recorded as (
    insert into interactions
      (user_id, product_id, session_id, event_type, event_value, platform, device, created_at)
    select user_id, product_id, session_id, event_type, event_value, platform, device, created_at
    from novel
    order by created_at, event_id
  ),
  stale as (
    insert into dirty_sets (kind, keys)
    select 'popularity', array_agg(distinct product_id) from novel having count(*) > 0
  ),
  unparked as (
    delete from parked_events p
    using event e
    where again and p.event_id = e.event_id and (e.product_known or e.erased or e.applied_hash is not null)
  )
  select
    (select count(*)::integer from fresh),
    coalesce((
      select jsonb_agg(jsonb_build_object('event_id', event_id, 'waits_for', 'product:' || product_id))
      from event
      where product_known is null and erased is null and applied_hash is null and (again or parked_hash is null)), '[]'),
    array(
      select event_id from event
      where coalesce(applied_hash, case when again then null else parked_hash end) <> payload_hash)
  into result.applied, result.waiting, result.conflicts;
  result.refused := '[]';
  result.freed := '{}';
  return result;
end
$$;
