-- As in 0016, but that rows are locked in the order in which everybody else locks them: PostgreSQL found recounts of helpful
-- votes in a deadlock with edits of the same reviews.
create or replace function refresh_ratings(product_ids uuid[]) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7031, 3);
  with counted as materialized (
    select wanted.product_id, coalesce(round(avg(r.rating) filter (where r.is_approved), 1), 0.0) as rating
    from unnest(product_ids) as wanted(product_id)
    left join reviews r using (product_id)
    group by wanted.product_id
  ),
  wrong as materialized (
    select p.product_id, c.rating
    from counted c
    join products p using (product_id)
    where p.rating is distinct from c.rating
    order by p.product_id
    for no key update of p
  )
  update products p set rating = w.rating from wrong w where p.product_id = w.product_id;
end
$$;

create or replace function refresh_helpful_counts(review_ids uuid[]) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7031, 4);
  with counted as materialized (
    select wanted.review_id, count(v.review_id)::integer as votes
    from unnest(review_ids) as wanted(review_id)
    left join review_helpful_votes v using (review_id)
    group by wanted.review_id
  ),
  wrong as materialized (
    select r.review_id, c.votes
    from counted c
    join reviews r using (review_id)
    where r.helpful_count <> c.votes
    order by r.review_id
    for no key update of r
  )
  update reviews r set helpful_count = w.votes from wrong w where r.review_id = w.review_id;
end
$$;

create or replace function refresh_verified_purchases(user_ids uuid[], product_ids uuid[]) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7031, 5);
  with counted as materialized (
    select wanted.user_id, wanted.product_id, exists (
      select from purchase_history h
      where h.user_id = wanted.user_id and h.product_id = wanted.product_id and h.payment_status = 'completed') as bought
    from unnest(user_ids, product_ids) as wanted(user_id, product_id)
  ),
  wrong as materialized (
    select r.review_id, c.bought
    from counted c
    join reviews r using (user_id, product_id)
    where r.verified_purchase <> c.bought
    order by r.review_id
    for no key update of r
  )
  update reviews r set verified_purchase = w.bought from wrong w where r.review_id = w.review_id;
end
$$;
