-- Reviews and votes. A review's id is made of its person and product; `review_of` knows what older ids became of merges.
-- A vote counts while it is newer than its own withdrawal and than the deletion of its review.

-- Whether a review can be spoken of: it is there, or was and is remembered.
create function review_known(id uuid) returns boolean
language sql stable as $$
  select (select true from reviews r where r.review_id = id)
    or (select v.put is not null or v.deleted is not null from row_versions v where v.kind = 'review' and v.key = id::text)
$$;

-- The ids by which others may wait for these reviews.
create function review_names(ids uuid[]) returns varchar[]
language sql stable as $$
  select array(
    select 'review:' || id from unnest(ids) as id
    union
    select 'review:' || a.old_review_id from review_aliases a where a.review_id = any(ids))
$$;

-- Bring the rows of votes (`<review>:<user>`) in line with what is known of them and of their reviews. The versions of the
-- reviews must be locked.
create function write_votes(keys varchar[]) returns void
language plpgsql as $$
begin
  with vote as materialized (
    select left(v.key, 36)::uuid as review_id, right(v.key, 36)::uuid as user_id,
      r.review_id is not null and r.user_id <> right(v.key, 36)::uuid and coalesce(v.put > ended.at, false) as counts,
      (select split_part(min(b collate "C"), ' ', 1)::timestamptz from unnest(v.born || v.put) as b
        where b collate "C" > ended.at) as since
    from row_versions v
    left join reviews r on r.review_id = left(v.key, 36)::uuid
    left join row_versions own on own.kind = 'review' and own.key = left(v.key, 36)
    cross join lateral (select coalesce(greatest(v.deleted, own.deleted), '') as at) as ended
    where v.kind = 'vote' and v.key = any(keys)
  ),
  gone as (
    delete from review_helpful_votes h
    using vote v
    where not v.counts and h.review_id = v.review_id and h.user_id = v.user_id
  )
  insert into review_helpful_votes (review_id, user_id, created_at)
  select review_id, user_id, since from vote where counts order by review_id, user_id
  on conflict (review_id, user_id) do update set created_at = excluded.created_at
    where review_helpful_votes.created_at <> excluded.created_at;
  perform mark_dirty('helpful', array(select distinct left(k, 36)::uuid from unnest(keys) as k));
end
$$;

create function products_of(settled jsonb) returns uuid[]
language sql stable as $$
  select array(
    select (select r.product_id from reviews r where r.review_id = s.key) from jsonb_to_recordset(settled) as s(key uuid))
$$;

-- Bring the rows of reviews in line with what settle_rows decided of them, votes included.
create function write_reviews(settled jsonb) returns void
language plpgsql as $$
declare
  appeared uuid[];
begin
  if settled is null then return; end if;
  -- The rating of a deleted one's product is stale too; note it while the row is there to tell.
  perform mark_dirty('rating', products_of(settled));

  delete from review_helpful_votes v
  using jsonb_to_recordset(settled) as s(key uuid, present boolean)
  where not s.present and v.review_id = s.key;
  delete from reviews r
  using jsonb_to_recordset(settled) as s(key uuid, present boolean)
  where not s.present and r.review_id = s.key;

  insert into reviews
    (review_id, user_id, product_id, rating, title, comment, is_approved, created_at, updated_at)
  select s.key, (s.doc ->> 'user_id')::uuid, (s.doc ->> 'product_id')::uuid, (s.doc ->> 'rating')::integer,
    s.doc ->> 'title', s.doc ->> 'comment', coalesce(approval_of(s.key), true), s.first_at, s.last_at
  from jsonb_to_recordset(settled) as s(key uuid, present boolean, doc jsonb, first_at timestamptz, last_at timestamptz)
  where s.present and jsonb_typeof(s.doc) = 'object'
  order by s.key
  on conflict (user_id, product_id) do update
    set rating = excluded.rating, title = excluded.title, comment = excluded.comment,
      created_at = excluded.created_at, updated_at = excluded.updated_at;
  update reviews r
  set created_at = s.first_at
  from jsonb_to_recordset(settled) as s(key uuid, present boolean, first_at timestamptz)
  where s.present and r.review_id = s.key and r.created_at <> s.first_at;

  -- Of votes that were cast for a review while it was away, or before it was, some may count now.
  select array_agg(s.key) into appeared
  from jsonb_to_recordset(settled) as s(key uuid, appeared boolean)
  where s.appeared;
  perform write_votes(keys_under('vote', appeared::varchar[]));
  perform mark_dirty('rating', products_of(settled));
  insert into dirty_keys (kind, key, other)
  select 'verified', r.user_id, r.product_id from reviews r where r.review_id = any(appeared);
end
$$;

-- What a moderator last said of a review since it was last deleted; null for nothing.
create function approval_of(id uuid) returns boolean
language sql stable as $$
  select (a.doc ->> 'is_approved')::boolean
  from row_versions a
  where a.kind = 'approval' and a.key = id::text and a.put > coalesce(
    (select r.deleted from row_versions r where r.kind = 'review' and r.key = id::text), '')
$$;

create function write_approvals(ids uuid[]) returns void
language plpgsql as $$
begin
  update reviews r
  set is_approved = coalesce(approval_of(r.review_id), true)
  where r.review_id = any(ids) and r.is_approved <> coalesce(approval_of(r.review_id), true);
  perform mark_dirty('rating', array(select product_id from reviews where review_id = any(ids)));
end
$$;

create function apply_reviews(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  live jsonb;
  erased uuid[];
  settled jsonb;
begin
  perform share_identities();
  select * into result from claim_events('upsert-reviews', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not is_erased(e.user_id, pepper)
        and (select true from products p where p.product_id = e.product_id) is null then 'product:' || e.product_id end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, user_id uuid, product_id uuid)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select
    coalesce(jsonb_agg(e.value || jsonb_build_object('user_id', person, 'given_user_id', e.value ->> 'user_id'))
      filter (where person is not null), '[]'),
    array_agg(review_id_for((e.value ->> 'user_id')::uuid, (e.value ->> 'product_id')::uuid)) filter (where person is null)
  into live, erased
  from jsonb_array_elements(only_fresh(batch, result.fresh)) as e, person_of((e.value ->> 'user_id')::uuid, pepper) as person;
  -- So that what is said of such a review later is known to be of an erased person's, too.
  perform remember_erased(erased, pepper);
  perform stub_users(array(select (e ->> 'user_id')::uuid from jsonb_array_elements(live) as e));

  insert into review_aliases (old_review_id, review_id)
  select distinct review_id_for(given_user_id, product_id), review_id_for(user_id, product_id)
  from jsonb_to_recordset(live) as e(given_user_id uuid, user_id uuid, product_id uuid)
  where given_user_id <> user_id
  order by 1
  on conflict (old_review_id) do nothing;

  select jsonb_agg(s) into settled
  from settle_rows('review', (
    select coalesce(jsonb_agg(jsonb_build_object('key', review_id_for(e.user_id, e.product_id), 'clock', e.clock,
      'deletes', false, 'doc', jsonb_build_object('user_id', e.user_id, 'product_id', e.product_id, 'rating', e.rating,
        'title', e.title, 'comment', e.comment))), '[]')
    from jsonb_to_recordset(live) as e(
      user_id uuid, product_id uuid, clock varchar, rating integer, title varchar, comment varchar)
  ), '{user_id,product_id}') as s;
  perform write_reviews(settled);
  result.freed := review_names(array(
    select review_id_for(user_id, product_id) from jsonb_to_recordset(live) as e(user_id uuid, product_id uuid)));
  return result;
end
$$;

create function apply_review_deletions(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  settled jsonb;
  named uuid[];
begin
  perform share_identities();
  select * into result from claim_events('delete-review', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not is_erased(e.review_id, pepper) and review_known(review_of(e.review_id)) is not true
      then 'review:' || e.review_id end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, review_id uuid)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select jsonb_agg(s) into settled
  from settle_rows('review', (
    select coalesce(jsonb_agg(jsonb_build_object('key', review_of(e.review_id), 'clock', e.clock, 'deletes', true)), '[]')
    from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(review_id uuid, clock varchar)
    where not is_erased(e.review_id, pepper)
  )) as s;
  perform write_reviews(settled);

  -- A review that is newer than its deletion stays, but loses the votes and the verdict that are older.
  named := array(
    select distinct review_of(e.review_id) from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(review_id uuid));
  perform write_votes(keys_under('vote', named::varchar[]));
  perform write_approvals(named);
  result.freed := review_names(named);
  return result;
end
$$;

create function apply_moderation(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  live jsonb;
  judged uuid[];
begin
  perform share_identities();
  select * into result from claim_events('moderate-review', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not is_erased(e.review_id, pepper) and review_known(review_of(e.review_id)) is not true
      then 'review:' || e.review_id end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, review_id uuid)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select coalesce(jsonb_agg(e.value || jsonb_build_object('review_id', review_of(id))), '[]')
  into live
  from jsonb_array_elements(only_fresh(batch, result.fresh)) as e
  cross join lateral (select (e.value ->> 'review_id')::uuid as id) as given
  where not is_erased(id, pepper);
  -- The review's own version first, as everywhere: its deletion, its verdict and its votes are judged in turn.
  perform lock_versions('review', array(select e ->> 'review_id' from jsonb_array_elements(live) as e));
  select array_agg(s.key::uuid) into judged
  from settle_rows('approval', (
    select coalesce(jsonb_agg(jsonb_build_object('key', e.review_id, 'clock', e.clock, 'deletes', false,
      'doc', jsonb_build_object('is_approved', e.is_approved))), '[]')
    from jsonb_to_recordset(live) as e(review_id uuid, clock varchar, is_approved boolean)
  ), '{is_approved}') as s;
  perform write_approvals(judged);
  insert into system_audit (component, severity, message, payload)
  select 'reviews', 'info', 'review moderated',
    json_build_object('event_id', e.event_id, 'review_id', e.review_id, 'is_approved', e.is_approved)
  from jsonb_to_recordset(live) as e(event_id uuid, review_id uuid, is_approved boolean);
  return result;
end
$$;

create function apply_votes(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  live jsonb;
  settled varchar[];
begin
  perform share_identities();
  select * into result from claim_events('cast-votes', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash,
      'waits_for', case when r.review_id is null and coalesce(e.clock collate "C" > v.deleted, true)
          and not is_erased(e.user_id, pepper) and not is_erased(e.review_id, pepper)
        then 'review:' || e.review_id end,
      'refused', case when e.op = 'put' and r.user_id = person_of(e.user_id, pepper) then 'own_review' end))
    from jsonb_to_recordset(batch) as e(
      event_id uuid, payload_hash bigint, review_id uuid, user_id uuid, clock varchar, op varchar)
    cross join lateral review_of(e.review_id) as id
    left join reviews r on r.review_id = id
    left join row_versions v on v.kind = 'review' and v.key = id::text
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select coalesce(jsonb_agg(e.value || jsonb_build_object('user_id', person, 'review_id', id)), '[]')
  into live
  from jsonb_array_elements(only_fresh(batch, result.fresh)) as e,
    person_of((e.value ->> 'user_id')::uuid, pepper) as person, review_of((e.value ->> 'review_id')::uuid) as id
  where person is not null and not is_erased((e.value ->> 'review_id')::uuid, pepper);
  perform stub_users(array(select (e ->> 'user_id')::uuid from jsonb_array_elements(live) as e));
  perform lock_versions('review', array(select e ->> 'review_id' from jsonb_array_elements(live) as e));

  select array_agg(s.key) into settled
  from settle_rows('vote', (
    select coalesce(jsonb_agg(jsonb_build_object('key', e.review_id || ':' || e.user_id, 'clock', e.clock,
      'deletes', e.op = 'delete')), '[]')
    from jsonb_to_recordset(live) as e(review_id uuid, user_id uuid, clock varchar, op varchar)
  )) as s;
  perform write_votes(settled);
  return result;
end
$$;

-- Columns that repeat what other rows say. Each is counted anew for the keys that may have changed, by one process at a
-- time: of two that count at once, the one that looked first could write last.
create function refresh_ratings(product_ids uuid[]) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7031, 3);
  update products p
  set rating = counted.rating
  from (
    select wanted.product_id, coalesce(round(avg(r.rating) filter (where r.is_approved), 1), 0.0) as rating
    from unnest(product_ids) as wanted(product_id)
    left join reviews r using (product_id)
    group by wanted.product_id
    order by wanted.product_id
  ) counted
  where p.product_id = counted.product_id and p.rating is distinct from counted.rating;
end
$$;

create function refresh_helpful_counts(review_ids uuid[]) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7031, 4);
  update reviews r
  set helpful_count = counted.votes
  from (
    select wanted.review_id, count(v.review_id)::integer as votes
    from unnest(review_ids) as wanted(review_id)
    left join review_helpful_votes v using (review_id)
    group by wanted.review_id
    order by wanted.review_id
  ) counted
  where r.review_id = counted.review_id and r.helpful_count <> counted.votes;
end
$$;

create function refresh_verified_purchases(user_ids uuid[], product_ids uuid[]) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7031, 5);
  update reviews r
  set verified_purchase = counted.bought
  from (
    select wanted.user_id, wanted.product_id, exists (
      select from purchase_history h
      where h.user_id = wanted.user_id and h.product_id = wanted.product_id and h.payment_status = 'completed') as bought
    from unnest(user_ids, product_ids) as wanted(user_id, product_id)
    order by wanted.user_id, wanted.product_id
  ) counted
  where r.user_id = counted.user_id and r.product_id = counted.product_id and r.verified_purchase <> counted.bought;
end
$$;
