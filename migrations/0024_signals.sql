-- What users' lists are made from, whose lists are stale, and the models that were trained.

-- Whose list is stale, for every way a row can come, change or go: intake, merge, erasure, retention and SQL by hand. Once
-- for each statement and user.
create function mark_lists_of_new() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key)
  select 'list', user_id from new_rows where user_id is not null group by user_id order by user_id;
  return null;
end
$$;

create function mark_lists_of_old() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key)
  select 'list', user_id from old_rows where user_id is not null group by user_id order by user_id;
  return null;
end
$$;

create function mark_lists_of_both() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key)
  select 'list', user_id
  from (select user_id from old_rows union select user_id from new_rows) touched
  where user_id is not null
  order by user_id;
  return null;
end
$$;

-- Most updates of reviews are of counts that no list depends on.
create function mark_lists_of_reviewers() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key)
  select distinct 'list', t.user_id
  from old_rows o
  join new_rows n using (review_id)
  cross join lateral (values (o.user_id), (n.user_id)) as t(user_id)
  where (o.user_id, o.product_id, o.rating) is distinct from (n.user_id, n.product_id, n.rating);
  return null;
end
$$;

create trigger lists_after_insert after insert on interactions
  referencing new table as new_rows for each statement execute function mark_lists_of_new();
create trigger lists_after_update after update on interactions
  referencing old table as old_rows new table as new_rows for each statement execute function mark_lists_of_both();
create trigger lists_after_delete after delete on interactions
  referencing old table as old_rows for each statement execute function mark_lists_of_old();

create trigger lists_after_insert after insert on purchase_history
  referencing new table as new_rows for each statement execute function mark_lists_of_new();
create trigger lists_after_update after update on purchase_history
  referencing old table as old_rows new table as new_rows for each statement execute function mark_lists_of_both();
create trigger lists_after_delete after delete on purchase_history
  referencing old table as old_rows for each statement execute function mark_lists_of_old();

create trigger lists_after_insert after insert on reviews
  referencing new table as new_rows for each statement execute function mark_lists_of_new();
create trigger lists_after_update after update on reviews
  referencing old table as old_rows new table as new_rows for each statement execute function mark_lists_of_reviewers();
create trigger lists_after_delete after delete on reviews
  referencing old table as old_rows for each statement execute function mark_lists_of_old();

create trigger lists_after_insert after insert on user_cart
  referencing new table as new_rows for each statement execute function mark_lists_of_new();
create trigger lists_after_update after update on user_cart
  referencing old table as old_rows new table as new_rows for each statement execute function mark_lists_of_both();
create trigger lists_after_delete after delete on user_cart
  referencing old table as old_rows for each statement execute function mark_lists_of_old();

create trigger lists_after_insert after insert on user_wishlist
  referencing new table as new_rows for each statement execute function mark_lists_of_new();
create trigger lists_after_update after update on user_wishlist
  referencing old table as old_rows new table as new_rows for each statement execute function mark_lists_of_both();
create trigger lists_after_delete after delete on user_wishlist
  referencing old table as old_rows for each statement execute function mark_lists_of_old();

-- A merged visitor without any signal has a list to be pointed elsewhere, too; and who is erased has one to lose.
create function mark_lists_of_aliases() returns trigger language plpgsql as $$
begin
  insert into dirty_keys (kind, key) select 'list', old_user_id from new_rows order by old_user_id;
  return null;
end
$$;
create trigger lists_after_insert after insert on user_aliases
  referencing new table as new_rows for each statement execute function mark_lists_of_aliases();
create trigger lists_after_update after update on user_aliases
  referencing old table as old_rows new table as new_rows for each statement execute function mark_lists_of_aliases();
create trigger lists_after_delete after delete on users
  referencing old table as old_rows for each statement execute function mark_lists_of_old();

-- Nobody has a list yet.
insert into dirty_keys (kind, key) select 'list', user_id from users order by user_id;

-- What these users did, the newest first, packed as `src/db/signals.ts` reads it: 22 octets for each product and kind of
-- deed, namely the product's number, the kind, how often, a value, and when last (epoch). A kind above zero is the place of
-- the event type in `types`, and others are not looked at; below zero: -1 bought, -2 ordered and not paid yet, -3
-- refunded, -4 reviewed, -5 in the cart, -6 on the wishlist. A merged id is answered by its person, whose former ids are
-- `merged`. `read_at`: microseconds since 1970 before which whatever was committed is in it.
create function user_signals(ids uuid[], types varchar[], newest integer)
returns table (person uuid, present boolean, merged uuid[], read_at bigint, signals bytea, unnumbered uuid[])
-- One index probe after the other, whatever the planner believes of the tables.
language plpgsql stable set enable_seqscan = off as $$
begin
  return query
  select p.id, (select true from users u where u.user_id = p.id) is not null,
    array(select a.old_user_id from user_aliases a where a.user_id = p.id),
    (extract(epoch from statement_timestamp()) * 1000000)::bigint, s.packed, s.missing
  from (
    select distinct coalesce((select a.user_id from user_aliases a where a.old_user_id = i.id), i.id) as id
    from unnest(ids) as i(id)
  ) p
  cross join lateral (
    select
      string_agg(int4send(n.number) || int2send(d.kind::smallint) || int4send(d.times) || float4send(d.value::real)
        || float8send(d.at), ''::bytea order by d.at desc, n.number) filter (where n.number is not null) as packed,
      array_agg(d.product_id) filter (where n.number is null) as missing
    from (
      (
        select i.product_id, array_position(types, i.event_type) as kind, count(*)::integer as times,
          -- Of several ratings the last. No scale goes further, and what is told may be too much for a float.
          coalesce((max(array[extract(epoch from i.created_at)::float8, greatest(least(i.event_value, 100), -100)::float8])
            filter (where i.event_type = 'rate' and i.event_value is not null))[2], 0) as value,
          extract(epoch from max(i.created_at))::float8 as at
        from interactions i
        where i.user_id = p.id and i.event_type = any(types) and i.product_id is not null
        group by i.product_id, i.event_type
      )
      union all
      (
        select h.product_id, case h.payment_status when 'completed' then -1 when 'pending' then -2 else -3 end,
          count(*)::integer, 0, extract(epoch from max(h.purchased_at))::float8
        from purchase_history h
        where h.user_id = p.id and h.payment_status in ('completed', 'pending', 'refunded')
        group by h.product_id, h.payment_status
      )
      union all
      select r.product_id, -4, 1, r.rating, extract(epoch from r.updated_at)::float8 from reviews r where r.user_id = p.id
      union all
      select c.product_id, -5, 1, 0, extract(epoch from c.updated_at)::float8 from user_cart c where c.user_id = p.id
      union all
      select w.product_id, -6, 1, 0, extract(epoch from w.added_at)::float8 from user_wishlist w where w.user_id = p.id
      order by 5 desc, 1
      limit newest
    ) d
    left join lateral (select x.number from product_numbers x where x.product_id = d.product_id offset 0) n on true
  ) s;
end
$$;

-- About how many signals there are; counting them would read every table.
create function count_signals_about() returns bigint language sql stable as $$
  select coalesce(sum(greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)), 0)::bigint
  from pg_class c
  where c.oid in ('interactions'::regclass, 'purchase_history'::regclass, 'reviews'::regclass, 'user_cart'::regclass,
    'user_wishlist'::regclass)
$$;

create sequence model_versions as integer;

-- Every model that was trained and is not forgotten yet. `aside`: it did worse than the one being served.
create table models (
  version integer primary key,
  state varchar not null check (state in ('serving', 'aside', 'retired')),
  file varchar not null,
  signals bigint not null,
  figures jsonb not null,
  trained_at timestamptz not null
);
create unique index models_serving on models (state) where state = 'serving';

-- Who trains, and how far that is. One row.
create table model_training (
  one_row boolean primary key default true check (one_row),
  claimed_by varchar,
  claimed_until timestamptz,
  done real not null default 0,
  doing varchar not null default '',
  -- Signals when the last training began, and when somebody last looked whether they had grown.
  trained_signals bigint not null default 0,
  looked_signals bigint not null default 0
);
insert into model_training default values;

-- Whether signals have grown by a fifth since the last training, are enough to learn from, and have stopped pouring in
-- since the last look.
create function look_for_growth(enough bigint) returns boolean language plpgsql as $$
declare
  now_signals bigint := count_signals_about();
  due boolean;
begin
  select now_signals >= enough and now_signals >= 1.2 * trained_signals and now_signals <= 1.02 * looked_signals
  into due from model_training;
  update model_training set looked_signals = now_signals where looked_signals <> now_signals;
  return due;
end
$$;

-- Keep a trained model: serve it, or put it aside. False when `trainer` is no longer the one who trains.
create function store_model(trainer varchar, model jsonb, served boolean) returns boolean language plpgsql as $$
begin
  perform from model_training where claimed_by = trainer for update;
  if not found then return false; end if;
  if served then update models set state = 'retired' where state = 'serving'; end if;
  insert into models (version, state, file, signals, figures, trained_at)
  select m.version, case when served then 'serving' else 'aside' end, m.file, m.signals, m.figures, m.trained_at
  from jsonb_to_record(model) as m(version integer, file varchar, signals bigint, figures jsonb, trained_at timestamptz);
  return true;
end
$$;
