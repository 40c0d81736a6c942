-- How popular each product is, recounted from what happened whenever something happened to it. A score is the natural
-- logarithm of the weighted number of events, each counting half as much for every half-life it is older than
-- 2020-01-01 (more, the newer it is). Seen from any later moment all of them have decayed by the same factor, so the
-- order never changes by itself and no row needs recounting for the passing of time.
create table product_popularity (
  product_id uuid primary key references products,
  score_1d double precision not null,
  score_7d double precision not null,
  score_30d double precision not null,
  counted_at timestamptz not null default now()
);

-- The scores of these products, for those that have one. `weights`: event type to weight; types without one, or with none
-- above zero, do not count. Sums are taken relative to each product's newest event, because the powers alone would
-- overflow.
create function count_popularity(product_ids uuid[], weights jsonb)
returns table (product_id uuid, score_1d double precision, score_7d double precision, score_30d double precision)
language sql stable as $$
  with event as materialized (
    select i.product_id, (weights ->> i.event_type)::double precision as weight,
      extract(epoch from i.created_at - timestamptz '2020-01-01 00:00Z')::double precision / 86400 as day,
      extract(epoch from max(i.created_at) over (partition by i.product_id) - timestamptz '2020-01-01 00:00Z')
        ::double precision / 86400 as newest
    from unnest(product_ids) as wanted(product_id)
    join lateral (
      select product_id, event_type, created_at from interactions where product_id = wanted.product_id
      union all
      select product_id, 'purchase', purchased_at from purchase_history
      where product_id = wanted.product_id and payment_status = 'completed'
    ) i on true
    where (weights ->> i.event_type)::double precision > 0
  )
  select product_id,
    ln(sum(weight * exp(greatest((day - newest) * ln(2) / 1, -700)))) + max(newest) * ln(2) / 1,
    ln(sum(weight * exp(greatest((day - newest) * ln(2) / 7, -700)))) + max(newest) * ln(2) / 7,
    ln(sum(weight * exp(greatest((day - newest) * ln(2) / 30, -700)))) + max(newest) * ln(2) / 30
  from event
  group by product_id
$$;

-- Recount these products.
create function refresh_popularity(product_ids uuid[], weights jsonb) returns void
language plpgsql as $$
begin
  -- Of two that count at once, the one that looked first could write last.
  perform pg_advisory_xact_lock(7031, 6);
  with counted as materialized (
    select product_id, score_1d, score_7d, score_30d from count_popularity(product_ids, weights)
  ),
  gone as (
    delete from product_popularity p
    where p.product_id = any(product_ids) and not exists (select from counted c where c.product_id = p.product_id)
  )
  insert into product_popularity (product_id, score_1d, score_7d, score_30d)
  select product_id, score_1d, score_7d, score_30d from counted order by product_id
  on conflict (product_id) do update
    set score_1d = excluded.score_1d, score_7d = excluded.score_7d, score_30d = excluded.score_30d,
      counted_at = excluded.counted_at;
end
$$;
