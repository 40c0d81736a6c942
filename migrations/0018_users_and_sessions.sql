-- Users and sessions: each field that is given has its own clock, absent ones stay as they are. Names (`username`) are
-- waited for as the codes of products are.
create function apply_users(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  settled jsonb;
begin
  perform share_identities();
  select * into result from claim_events('upsert-users', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when (select true from users u where u.username = e.fields ->> 'username' and u.user_id <> e.user_id)
        and not is_erased(e.user_id, pepper)
        -- Older than what the user says of the name by now, it would not take it.
        and e.clock collate "C" > coalesce((
          select (v.fields ->> 'username') collate "C"
          from row_versions v where v.kind = 'user' and v.key = e.user_id::text), '')
        then 'username:' || (e.fields ->> 'username') end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, user_id uuid, clock varchar, fields jsonb)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  -- What is said of a merged visitor stays with the visitor's row, which is closed for good.
  select jsonb_agg(s) into settled
  from settle_fields('user', (
    select coalesce(jsonb_agg(jsonb_build_object('key', e.user_id, 'clock', e.clock, 'fields', e.fields)), '[]')
    from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(user_id uuid, clock varchar, fields jsonb)
    where not is_erased(e.user_id, pepper)
  )) as s;
  -- A user of whom nothing but the id was said has no field that could win, and still is a user now.
  perform stub_users(array(
    select e.user_id from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(user_id uuid)
    where not is_erased(e.user_id, pepper)));
  if settled is null then return result; end if;

  -- Whoever waits for a name that is given up here can have it.
  result.freed := array(
    select 'username:' || u.username
    from jsonb_to_recordset(settled) as s(key uuid, patch jsonb)
    cross join lateral (select x.username from users x where x.user_id = s.key offset 0) u
    where u.username is not null and s.patch ? 'username' and u.username is distinct from s.patch ->> 'username');
  insert into users
  select r.*
  from jsonb_to_recordset(settled) as s(key uuid, patch jsonb)
  cross join lateral (select x as row from users x where x.user_id = s.key offset 0) u
  left join row_versions v on v.kind = 'user' and v.key = s.key::text
  cross join lateral jsonb_populate_record(u.row, s.patch || jsonb_build_object(
    -- Until somebody says so, a user is anonymous who has neither address nor name.
    'is_anonymous', case
      when s.patch ->> 'is_anonymous' is not null then s.patch -> 'is_anonymous'
      when v.fields ? 'is_anonymous' then to_jsonb((u.row).is_anonymous)
      else to_jsonb(coalesce(
        case when s.patch ? 'email' then s.patch ->> 'email' else (u.row).email end,
        case when s.patch ? 'username' then s.patch ->> 'username' else (u.row).username end) is null)
    end,
    'is_active', case
      when (select true from user_aliases a where a.old_user_id = s.key) then to_jsonb(false)
      else coalesce(s.patch -> 'is_active', to_jsonb((u.row).is_active)) end)) as r
  order by r.user_id
  on conflict (user_id) do update
    set email = excluded.email, password_hash = excluded.password_hash, last_seen_at = excluded.last_seen_at,
      profile = excluded.profile, is_anonymous = excluded.is_anonymous, is_active = excluded.is_active,
      username = excluded.username;
  return result;
end
$$;

create function apply_sessions(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  live jsonb;
  settled jsonb;
begin
  perform share_identities();
  select * into result from claim_events('upsert-sessions', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  perform remember_erased(array(
    select (e ->> 'session_id')::uuid
    from jsonb_array_elements(only_fresh(batch, result.fresh)) as e
    where is_erased((e #>> '{fields,user_id}')::uuid, pepper)), pepper);
  select coalesce(jsonb_agg(e.value || jsonb_build_object('fields', (e.value -> 'fields')
    || case when person is null then '{}' else jsonb_build_object('user_id', person) end)), '[]')
  into live
  from jsonb_array_elements(only_fresh(batch, result.fresh)) as e,
    person_of((e.value #>> '{fields,user_id}')::uuid, pepper) as person
  -- The session of an erased person is erased with it, whether the event says whose it was or not.
  where (e.value #>> '{fields,user_id}' is null or person is not null)
    and not is_erased((e.value ->> 'session_id')::uuid, pepper);
  perform stub_users(array(select (e #>> '{fields,user_id}')::uuid from jsonb_array_elements(live) as e));

  select jsonb_agg(s) into settled
  from settle_fields('session', (
    select coalesce(jsonb_agg(jsonb_build_object('key', e.session_id, 'clock', e.clock, 'fields', e.fields)), '[]')
    from jsonb_to_recordset(live) as e(session_id uuid, clock varchar, fields jsonb)
  )) as s;
  insert into sessions (session_id, started_at)
  select e.session_id, min(e.at)
  from jsonb_to_recordset(live) as e(session_id uuid, at timestamptz)
  left join row_versions v on v.kind = 'session' and v.key = e.session_id::text
  where not coalesce(v.fields ? 'started_at', false)
  group by e.session_id
  order by e.session_id
  -- Nobody said when it began: at the latest with the first that was heard of it.
  on conflict (session_id) do update set started_at = least(sessions.started_at, excluded.started_at);

  insert into sessions
  select r.*
  from jsonb_to_recordset(coalesce(settled, '[]')) as s(key uuid, patch jsonb)
  left join lateral (select x as row from sessions x where x.session_id = s.key offset 0) o on true
  cross join lateral jsonb_populate_record(coalesce(o.row, jsonb_populate_record(null::sessions,
    jsonb_build_object('session_id', s.key))), s.patch) as r
  where r.started_at is not null
  order by r.session_id
  on conflict (session_id) do update
    set user_id = excluded.user_id, started_at = excluded.started_at, ended_at = excluded.ended_at,
      context = excluded.context;
  return result;
end
$$;
