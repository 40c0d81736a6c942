-- As in 0032 with a fifth less work for PostgreSQL: a batch comes as an array for each column instead of as JSON, people and
-- products are looked up once each, the ledger is read before it is written, and whether a session is an erased one's only
-- where the session is not there. An event that another statement takes at the same moment is there twice for the ledger's
-- key: all of this fails with 23505, and finds the event applied when it is called again.
--
-- The planner knows nothing of how many events come and takes them for few, so it may neither compare every event with every
-- other one nor read whole tables; and it plans once, which takes as long as a hundred events.
create function apply_interactions(
  event_ids uuid[], payload_hashes bigint[], user_ids uuid[], product_ids uuid[], session_ids uuid[], event_types varchar[],
  event_values numeric[], platforms varchar[], devices varchar[], times timestamptz[], pepper bytea, again boolean)
returns apply_result
language plpgsql set plan_cache_mode = force_generic_plan set enable_nestloop = off set enable_seqscan = off as $$
declare
  result apply_result;
  judged integer;
begin
  perform share_identities();
  with sent as materialized (
    select e.event_id, e.payload_hash, e.user_id, e.product_id, e.session_id, e.event_type, e.event_value, e.platform,
      e.device::json as device, e.created_at
    from unnest(event_ids, payload_hashes, user_ids, product_ids, session_ids, event_types, event_values, platforms,
        devices, times)
      as e(event_id, payload_hash, user_id, product_id, session_id, event_type, event_value, platform, device, created_at)
  ),
  -- People and products of a batch are looked up once each, however many of its events name them.
  person as materialized (
    select p.user_id, p.stands_for,
      (select true from erased_ids x where x.id_hash = sha256(pepper || uuid_send(p.user_id))) as erased,
      (select true from users u where u.user_id = p.stands_for) as known
    from (
      select s.user_id,
        coalesce((select a.user_id from user_aliases a where a.old_user_id = s.user_id), s.user_id) as stands_for
      from sent s
      group by s.user_id
    ) p
  ),
  catalogue as materialized (
    select p.product_id from products p where p.product_id = any(array(select s.product_id from sent s group by 1))
  ),
  parked as materialized (
    select s.event_id, (select p.payload_hash from parked_events p where p.event_id = s.event_id) as payload_hash
    from sent s
    where exists (select from parked_events)
  ),
  -- Ids made in the order of time lie side by side at the end of the ledger's indexes, and all of them are read at once;
  -- for others each part of the ledger would be searched for every one of them.
  applied as materialized (
    select l.event_id, l.payload_hash
    from processed_events l
    where l.event_id = any(array(
      select s.event_id from sent s where get_byte(uuid_send(s.event_id), 6) >> 4 = 7))
    union all
    select s.event_id, (select l.payload_hash from processed_events l where l.event_id = s.event_id)
    from sent s
    where get_byte(uuid_send(s.event_id), 6) >> 4 <> 7
  ),
  event as materialized (
    select s.event_id, s.payload_hash, p.stands_for as user_id, p.erased, p.known as user_known, s.product_id,
      s.session_id, s.event_type, s.event_value, s.platform, s.device, s.created_at,
      c.product_id is not null as product_known, k.payload_hash as parked_hash, l.payload_hash as applied_hash,
      (c.product_id is not null or p.erased) and l.payload_hash is null and (again or k.payload_hash is null) as fresh
    from sent s
    join person p on p.user_id = s.user_id
    left join catalogue c on c.product_id = s.product_id
    left join parked k on k.event_id = s.event_id
    left join applied l on l.event_id = s.event_id
  ),
  -- Asked for by the last select, so the ids are claimed before all else; what nobody asks for is written in the reverse of
  -- the order here. So rows are locked as by all other functions: the ledger's, users, sessions.
  ledger as (
    insert into processed_events (event_id, job, payload_hash)
    select event_id, 'record-interactions', payload_hash from event where fresh order by event_id
    returning event_id
  ),
  stub_sessions as (
    insert into sessions (session_id, started_at)
    select n.session_id, min(n.created_at)
    from event n
    where n.fresh and n.erased is null and n.session_id is not null
    group by n.session_id
    -- By `and` the planner would ask first what it takes for cheap, a hash for every session.
    having case
      when (select s.started_at <= min(n.created_at) from sessions s where s.session_id = n.session_id) then false
      else not is_erased(n.session_id, pepper)
    end
    order by n.session_id
    -- A session began at the latest with its first event, in whatever order they arrive.
    on conflict (session_id) do update set started_at = least(sessions.started_at, excluded.started_at)
    -- Unless somebody said when it began.
    where not start_is_told(excluded.session_id)
  ),
  stub_users as (
    insert into users (user_id, is_anonymous, is_active)
    select n.user_id, true, true
    from event n
    where n.fresh and n.erased is null and n.user_known is null
    group by n.user_id
    order by n.user_id
    on conflict (user_id) do nothing
  ),
  -- A session of which only an erased person's event was ever heard is theirs.
  forgotten as (
    insert into erased_ids (id_hash)
    select distinct sha256(pepper || uuid_send(e.session_id))
    from event e
    where e.fresh and e.erased and e.session_id is not null
      and (select true from sessions s where s.session_id = e.session_id) is null
    order by 1
    on conflict (id_hash) do nothing
  ),
  recorded as (
    insert into interactions
      (user_id, product_id, session_id, event_type, event_value, platform, device, created_at)
    select user_id, product_id, session_id, event_type, event_value, platform, device, created_at
    from event
    where fresh and erased is null
    -- What one user did lies side by side: fewer pages to write now, and to read when their list is made.
    order by user_id, created_at, event_id
  ),
  stale as (
    insert into dirty_sets (kind, keys)
    select 'popularity', array_agg(distinct product_id) from event where fresh and erased is null having count(*) > 0
  ),
  unparked as (
    delete from parked_events p
    where again and p.event_id = any(array(
      select e.event_id from event e where e.product_known or e.erased or e.applied_hash is not null))
  )
  select
    (select count(*)::integer from ledger),
    coalesce((
      select jsonb_agg(jsonb_build_object('event_id', event_id, 'waits_for', 'product:' || product_id))
      from event
      where not product_known and erased is null and applied_hash is null and (again or parked_hash is null)), '[]'),
    array(
      select event_id from event
      where coalesce(applied_hash, case when again then null else parked_hash end) <> payload_hash),
    (select count(*) from event)
  into result.applied, result.waiting, result.conflicts, judged;
  if judged <> cardinality(event_ids) then
    raise exception '% of % events were judged', judged, cardinality(event_ids);
  end if;
  result.refused := '[]';
  result.freed := '{}';
  return result;
end
$$;

-- For processes of before, which run beside those of now while they are replaced.
create or replace function apply_interactions(batch jsonb, pepper bytea, again boolean) returns apply_result
language sql as $$
  select r.*
  from (
    select array_agg(e.event_id), array_agg(e.payload_hash), array_agg(e.user_id), array_agg(e.product_id),
      array_agg(e.session_id), array_agg(e.event_type), array_agg(e.event_value), array_agg(e.platform),
      array_agg(e.device), array_agg(coalesce(e.created_at, e.at))
    from jsonb_to_recordset(batch) as e(
      event_id uuid, payload_hash bigint, user_id uuid, product_id uuid, session_id uuid, event_type varchar,
      event_value numeric, platform varchar, device varchar, created_at timestamptz, at timestamptz)
  ) as c(event_ids, payload_hashes, user_ids, product_ids, session_ids, event_types, event_values, platforms, devices, times)
  cross join lateral apply_interactions(c.event_ids, c.payload_hashes, c.user_ids, c.product_ids, c.session_ids,
    c.event_types, c.event_values, c.platforms, c.devices, c.times, pepper, again) r
$$;
