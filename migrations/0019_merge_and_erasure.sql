-- Who an id stands for. Both functions hold the identities alone, so no apply that looked up the old answer is under way.

-- Fold the versions of the lines of one key into another, for lines (cart, wish, vote) and reviews alike: of writes and of
-- deletions the newest counts. Returns the keys with whether the row is there and whether the moved one wrote it last.
create function fold_versions(row_kind varchar, moves jsonb)
returns table (old_key varchar, new_key varchar, present boolean, moved_wins boolean, first_at timestamptz, last_at timestamptz)
language plpgsql as $$
begin
  perform lock_versions(row_kind, array(
    select m.old_key from jsonb_to_recordset(moves) as m(old_key varchar)
    union select m.new_key from jsonb_to_recordset(moves) as m(new_key varchar)));
  return query
  with folded as materialized (
    select o.key as old_key, n.key as new_key,
      greatest(o.put, n.put) as put, greatest(o.deleted, n.deleted) as deleted,
      coalesce(o.put, '') > coalesce(n.put, '') as moved_wins,
      case when coalesce(o.put, '') > coalesce(n.put, '') then o.doc else n.doc end as doc,
      array(
        select distinct b collate "C" from unnest(o.born || n.born) as b
        where b collate "C" > coalesce(greatest(o.deleted, n.deleted), '') order by 1 limit 100
      ) as born
    from jsonb_to_recordset(moves) as m(old_key varchar, new_key varchar)
    join row_versions o on o.kind = row_kind and o.key = m.old_key
    join row_versions n on n.kind = row_kind and n.key = m.new_key
  ),
  stored as (
    update row_versions v
    set put = f.put, deleted = f.deleted, doc = f.doc, born = f.born
    from folded f
    where v.kind = row_kind and v.key = f.new_key
  ),
  gone as (
    delete from row_versions v using folded f where v.kind = row_kind and v.key = f.old_key
  )
  select f.old_key, f.new_key, coalesce(f.put > coalesce(f.deleted, ''), false), f.moved_wins,
    split_part(coalesce(f.born[1], f.put), ' ', 1)::timestamptz, split_part(f.put, ' ', 1)::timestamptz
  from folded f
  order by f.new_key;
end
$$;

create function merge_lines(old_id uuid, person uuid) returns void
language plpgsql as $$
declare
  folded jsonb;
begin
  select coalesce(jsonb_agg(f), '[]') into folded
  from fold_versions('cart', (
    select coalesce(jsonb_agg(jsonb_build_object('old_key', key, 'new_key', person || right(key, 37))), '[]')
    from row_versions where kind = 'cart' and key >= old_id || ':' and key < old_id || ';')) as f;
  -- Of two lines for one product the newer stays.
  delete from user_cart c
  using jsonb_to_recordset(folded) as f(new_key varchar, present boolean, moved_wins boolean)
  where c.product_id = right(f.new_key, 36)::uuid
    and (c.user_id = old_id and (not f.present or not f.moved_wins) or c.user_id = person and (not f.present or f.moved_wins));
  update user_cart c
  set user_id = person, added_at = f.first_at, updated_at = f.last_at
  from jsonb_to_recordset(folded) as f(new_key varchar, first_at timestamptz, last_at timestamptz)
  where c.user_id in (old_id, person) and c.product_id = right(f.new_key, 36)::uuid;

  select coalesce(jsonb_agg(f), '[]') into folded
  from fold_versions('wish', (
    select coalesce(jsonb_agg(jsonb_build_object('old_key', key, 'new_key', person || right(key, 37))), '[]')
    from row_versions where kind = 'wish' and key >= old_id || ':' and key < old_id || ';')) as f;
  delete from user_wishlist where user_id = old_id;
  delete from user_wishlist w
  using jsonb_to_recordset(folded) as f(new_key varchar, present boolean)
  where not f.present and w.user_id = person and w.product_id = right(f.new_key, 36)::uuid;
  insert into user_wishlist (user_id, product_id, added_at)
  select person, right(f.new_key, 36)::uuid, f.first_at
  from jsonb_to_recordset(folded) as f(new_key varchar, present boolean, first_at timestamptz)
  where f.present
  on conflict (user_id, product_id) do update set added_at = excluded.added_at;
end
$$;

-- Move the votes of `moves` (old_key, new_key: `<review>:<user>`), rows and versions.
create function merge_votes(moves jsonb) returns void
language plpgsql as $$
begin
  delete from review_helpful_votes h
  using jsonb_to_recordset(moves) as m(old_key varchar)
  where h.review_id = left(m.old_key, 36)::uuid and h.user_id = right(m.old_key, 36)::uuid;
  perform mark_dirty('helpful', array(
    select left(m.old_key, 36)::uuid from jsonb_to_recordset(moves) as m(old_key varchar)));
  perform fold_versions('vote', moves);
  perform write_votes(array(select m.new_key from jsonb_to_recordset(moves) as m(new_key varchar)));
end
$$;

create function merge_reviews(old_id uuid, person uuid) returns void
language plpgsql as $$
declare
  moved jsonb;
  folded jsonb;
begin
  -- Everything ever reviewed by the visitor: what is there, and what is remembered as deleted.
  select coalesce(jsonb_agg(jsonb_build_object('old_id', r.review_id, 'new_id', review_id_for(person, r.product_id),
    'product_id', r.product_id)), '[]')
  into moved
  from (
    select review_id, product_id from reviews where user_id = old_id
    union
    select review_id_for(old_id, (v.doc ->> 'product_id')::uuid), (v.doc ->> 'product_id')::uuid
    from row_versions v
    where v.kind = 'review' and v.doc ->> 'user_id' = old_id::text
  ) r;

  insert into review_aliases (old_review_id, review_id)
  select m.old_id, m.new_id from jsonb_to_recordset(moved) as m(old_id uuid, new_id uuid)
  on conflict (old_review_id) do update set review_id = excluded.review_id;
  update review_aliases a
  set review_id = m.new_id
  from jsonb_to_recordset(moved) as m(old_id uuid, new_id uuid)
  where a.review_id = m.old_id and a.old_review_id <> m.new_id;

  select coalesce(jsonb_agg(f), '[]') into folded
  from fold_versions('review', (
    select coalesce(jsonb_agg(jsonb_build_object('old_key', m.old_id, 'new_key', m.new_id)), '[]')
    from jsonb_to_recordset(moved) as m(old_id uuid, new_id uuid))) as f;
  perform fold_versions('approval', (
    select coalesce(jsonb_agg(jsonb_build_object('old_key', m.old_id, 'new_key', m.new_id)), '[]')
    from jsonb_to_recordset(moved) as m(old_id uuid, new_id uuid)));
  update row_versions v
  set doc = v.doc || jsonb_build_object('user_id', person)
  from jsonb_to_recordset(moved) as m(new_id uuid)
  where v.kind = 'review' and v.key = m.new_id::text and v.doc is not null;

  -- The row under the person's id, with the newer text of the two; votes hang on it, so it comes before them.
  insert into reviews (review_id, user_id, product_id, rating, title, comment, is_approved, created_at, updated_at)
  select f.new_key::uuid, person, o.product_id, o.rating, o.title, o.comment, o.is_approved, f.first_at, f.last_at
  from jsonb_to_recordset(folded) as f(
    old_key varchar, new_key varchar, present boolean, moved_wins boolean, first_at timestamptz, last_at timestamptz)
  join reviews o on o.review_id = f.old_key::uuid
  where f.present and f.moved_wins
  order by f.new_key
  on conflict (user_id, product_id) do update
    set rating = excluded.rating, title = excluded.title, comment = excluded.comment;
  update reviews r
  set created_at = f.first_at, updated_at = f.last_at, is_approved = coalesce(approval_of(r.review_id), true)
  from jsonb_to_recordset(folded) as f(new_key varchar, present boolean, first_at timestamptz, last_at timestamptz)
  where f.present and r.review_id = f.new_key::uuid;

  perform merge_votes((
    select coalesce(jsonb_agg(jsonb_build_object('old_key', k, 'new_key', m.new_id || right(k, 37))), '[]')
    from jsonb_to_recordset(moved) as m(old_id varchar, new_id varchar), unnest(keys_under('vote', array[m.old_id])) as k));

  delete from review_helpful_votes h
  using jsonb_to_recordset(folded) as f(old_key uuid, new_key uuid, present boolean)
  where h.review_id = f.old_key or h.review_id = f.new_key and not f.present;
  delete from reviews r
  using jsonb_to_recordset(folded) as f(old_key uuid, new_key uuid, present boolean)
  where r.review_id = f.old_key or r.review_id = f.new_key and not f.present;
  -- The deletion of the one may be newer than votes for the other.
  perform write_votes(keys_under('vote', array(select f.new_key from jsonb_to_recordset(folded) as f(new_key varchar))));

  perform mark_dirty('rating', array(select m.product_id from jsonb_to_recordset(moved) as m(product_id uuid)));
  perform mark_dirty('helpful', array(select f.new_key from jsonb_to_recordset(folded) as f(new_key uuid)));
end
$$;

-- Merge one visitor into a person. Nobody votes for their own review, so what became that goes.
create function apply_merges(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  merge record;
  person uuid;
  old_id uuid;
  refused varchar;
begin
  if jsonb_array_length(batch) <> 1 then raise 'one merge at a time' using errcode = '21000'; end if;
  perform own_identities();
  select e.event_id, e.payload_hash, e.user_id, e.from_user_id, e.clock into merge
  from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, user_id uuid, from_user_id uuid, clock varchar);
  old_id := merge.from_user_id;
  person := person_of(merge.user_id, pepper);
  refused := case
    when person = old_id then 'merge_cycle'
    when (select a.user_id <> person from user_aliases a where a.old_user_id = old_id) then 'already_merged'
  end;
  select * into result from claim_events('merge-users', jsonb_build_array(jsonb_build_object(
    'event_id', merge.event_id, 'payload_hash', merge.payload_hash, 'refused', refused)), again);
  -- Where one of the two was erased there is nobody to merge.
  if cardinality(result.fresh) = 0 or person is null or person_of(old_id, pepper) is null
    or exists (select from user_aliases a where a.old_user_id = old_id) then return result; end if;

  perform stub_users(array[old_id, person]);
  insert into user_aliases (old_user_id, user_id) values (old_id, person);
  update user_aliases set user_id = person where user_id = old_id;

  update interactions set user_id = person where user_id = old_id;
  insert into dirty_keys (kind, key, other)
  select distinct 'verified', person, product_id from purchase_history where user_id = old_id;
  update purchase_history set user_id = person where user_id = old_id;
  update sessions set user_id = person where user_id = old_id;
  update recommendation_logs set user_id = person where user_id = old_id;
  delete from ab_tests t
  where t.user_id = old_id and exists (select from ab_tests p where p.user_id = person and p.test_name = t.test_name);
  update ab_tests set user_id = person where user_id = old_id;

  perform merge_lines(old_id, person);
  perform merge_votes((
    select coalesce(jsonb_agg(jsonb_build_object('old_key', v.key, 'new_key', left(v.key, 37) || person)), '[]')
    from row_versions v where v.kind = 'vote' and right(v.key, 36) = old_id::text));
  perform merge_reviews(old_id, person);
  -- Votes of the one for reviews of the other were fine until now.
  perform write_votes(array(
    select h.review_id || ':' || h.user_id
    from reviews r
    join review_helpful_votes h on h.review_id = r.review_id and h.user_id = person
    where r.user_id = person));
  insert into dirty_keys (kind, key, other) select 'verified', person, product_id from reviews where user_id = person;

  update users set is_active = false where user_id = old_id;
  insert into system_audit (component, severity, message, payload)
  values ('users', 'info', 'users merged', json_build_object('event_id', merge.event_id));
  result.freed := review_names(array(select review_id from reviews where user_id = person));
  return result;
end
$$;

-- Forget a person, under every id they ever had. What stays are keyed hashes of these ids and of what was theirs, and an
-- audit row that names nobody.
create function apply_erasures(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  erasure record;
  ids uuid[];
  keys varchar[];
  their_reviews uuid[];
  their_orders uuid[];
  their_sessions uuid[];
  theirs uuid[];
begin
  if jsonb_array_length(batch) <> 1 then raise 'one erasure at a time' using errcode = '21000'; end if;
  perform own_identities();
  select e.event_id, e.payload_hash, e.user_id into erasure
  from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, user_id uuid);
  select * into result from claim_events('erase-user', jsonb_build_array(jsonb_build_object(
    'event_id', erasure.event_id, 'payload_hash', erasure.payload_hash)), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  ids := array(
    with person as (
      select coalesce((select a.user_id from user_aliases a where a.old_user_id = erasure.user_id), erasure.user_id) as id)
    select id from person
    union select erasure.user_id
    union select a.old_user_id from user_aliases a join person on a.user_id = person.id);
  keys := ids;
  their_reviews := array(
    select review_id from reviews where user_id = any(ids)
    union select v.key::uuid from row_versions v where v.kind = 'review' and v.doc ->> 'user_id' = any(keys));
  their_reviews := their_reviews || array(
    select old_review_id from review_aliases where review_id = any(their_reviews));
  their_orders := array(select distinct order_id from purchase_history where user_id = any(ids) and order_id is not null);
  their_sessions := array(
    select session_id from sessions where user_id = any(ids)
    -- Also where nobody ever said whose it was.
    union select s.session_id
    from interactions i join sessions s on s.session_id = i.session_id
    where i.user_id = any(ids) and s.user_id is null);
  theirs := ids || their_reviews || their_orders || their_sessions;
  perform remember_erased(theirs, pepper);
  result.freed := array(
    select 'username:' || username from users where user_id = any(ids) and username is not null);

  -- What was stale about them is no longer there to be counted.
  delete from dirty_keys where key = any(ids);
  insert into dirty_keys (kind, key)
  select 'popularity', product_id from interactions where user_id = any(ids)
  union select 'popularity', product_id from purchase_history where user_id = any(ids)
  union select 'rating', product_id from reviews where user_id = any(ids)
  union select 'helpful', review_id from review_helpful_votes where user_id = any(ids);

  delete from review_helpful_votes where user_id = any(ids);
  delete from review_helpful_votes where review_id = any(their_reviews);
  delete from reviews where user_id = any(ids);
  delete from interactions where user_id = any(ids);
  delete from purchase_history where user_id = any(ids);
  delete from user_cart where user_id = any(ids);
  delete from user_wishlist where user_id = any(ids);
  delete from sessions where session_id = any(their_sessions);
  delete from ab_tests where user_id = any(ids);
  delete from recommendation_logs where user_id = any(ids);
  delete from users where user_id = any(ids);
  delete from user_aliases where old_user_id = any(ids);
  delete from review_aliases where old_review_id = any(their_reviews);

  delete from row_versions v where v.kind = 'cart' and v.key = any(keys_under('cart', keys));
  delete from row_versions v where v.kind = 'wish' and v.key = any(keys_under('wish', keys));
  delete from row_versions v where v.kind = 'vote' and right(v.key, 36) = any(keys);
  delete from row_versions v where v.kind = 'vote' and v.key = any(keys_under('vote', their_reviews::varchar[]));
  delete from row_versions v where v.kind = 'user' and v.key = any(keys);
  delete from row_versions v where v.kind in ('review', 'approval') and v.key = any(their_reviews::varchar[]);
  delete from row_versions v where v.kind = 'order' and v.key = any(their_orders::varchar[]);
  delete from row_versions v where v.kind = 'session' and v.key = any(their_sessions::varchar[]);

  -- Parked events may name the person, or what was theirs, anywhere. There are few of them, so each is read.
  delete from parked_events p
  where p.event_id <> erasure.event_id and uuids_in(p.payload::text) && theirs;
  insert into system_audit (component, severity, message, payload)
  values ('users', 'info', 'user erased', json_build_object('event_id', erasure.event_id));
  return result;
end
$$;
