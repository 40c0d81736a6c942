-- Whose visit (session) it is, for answering somebody of whom no more is known than the session. The marks of stale lists
-- name it beside the user: whoever makes the list says so in the cache Redis, too. There it is kept for a day, so visits
-- that ended before are not marked, and those that an erasure takes away for longer than any mark can have been under way.

create function mark_visits_of_new() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key, other)
  select distinct 'list', user_id, case when created_at > now() - interval '1 day' then session_id end as visit
  from new_rows
  where user_id is not null
  order by user_id, visit;
  return null;
end
$$;

create function mark_visits_of_old() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key, other)
  select distinct 'list', user_id, case when created_at > now() - interval '3 days' then session_id end as visit
  from old_rows
  where user_id is not null
  order by user_id, visit;
  return null;
end
$$;

create function mark_visits_of_both() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key, other)
  select 'list', user_id, visit
  from (
    select user_id, null::uuid as visit from old_rows
    union
    select user_id, case when created_at > now() - interval '1 day' then session_id end from new_rows
  ) touched
  where user_id is not null
  order by user_id, visit;
  return null;
end
$$;

drop trigger lists_after_insert on interactions;
drop trigger lists_after_update on interactions;
drop trigger lists_after_delete on interactions;
create trigger lists_after_insert after insert on interactions
  referencing new table as new_rows for each statement execute function mark_visits_of_new();
create trigger lists_after_update after update on interactions
  referencing old table as old_rows new table as new_rows for each statement execute function mark_visits_of_both();
create trigger lists_after_delete after delete on interactions
  referencing old table as old_rows for each statement execute function mark_visits_of_old();

-- Sessions of which somebody said whose they are.
create function mark_sessions_of_new() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key, other)
  select 'list', user_id, session_id from new_rows
  where user_id is not null and greatest(started_at, ended_at) > now() - interval '1 day'
  order by user_id, session_id;
  return null;
end
$$;

create function mark_sessions_of_changed() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key, other)
  select 'list', coalesce(n.user_id, o.user_id), session_id
  from old_rows o
  join new_rows n using (session_id)
  where n.user_id is distinct from o.user_id and greatest(n.started_at, n.ended_at) > now() - interval '1 day'
  order by 2, 3;
  return null;
end
$$;

create function mark_sessions_of_old() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key, other)
  select 'list', user_id, session_id from old_rows
  where user_id is not null and greatest(started_at, ended_at) > now() - interval '3 days'
  order by user_id, session_id;
  return null;
end
$$;

create trigger lists_after_insert after insert on sessions
  referencing new table as new_rows for each statement execute function mark_sessions_of_new();
create trigger lists_after_update after update on sessions
  referencing old table as old_rows new table as new_rows for each statement execute function mark_sessions_of_changed();
create trigger lists_after_delete after delete on sessions
  referencing old table as old_rows for each statement execute function mark_sessions_of_old();

-- As in 0024, and a model that is served makes every list of similar products stale (the key of none stands for all).
create or replace function store_model(trainer varchar, model jsonb, served boolean) returns boolean language plpgsql as $$
begin
  perform from model_training where claimed_by = trainer for update;
  if not found then return false; end if;
  if served then
    update models set state = 'retired' where state = 'serving';
    insert into dirty_keys (kind, key) values ('similar', '00000000-0000-0000-0000-000000000000');
  end if;
  insert into models (version, state, file, signals, figures, trained_at)
  select m.version, case when served then 'serving' else 'aside' end, m.file, m.signals, m.figures, m.trained_at
  from jsonb_to_record(model) as m(version integer, file varchar, signals bigint, figures jsonb, trained_at timestamptz);
  return true;
end
$$;
