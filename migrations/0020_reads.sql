-- What the reads of the contract need beside the tables: who an id stands for today, and indexes in the order of lists.

-- The user whose data a read of this id gives: a merged visitor's id stands for the person.
create function user_behind(id uuid) returns uuid
language sql stable as $$
  select coalesce((select a.user_id from user_aliases a where a.old_user_id = id), id)
$$;

-- A time inside of a JSON answer, written as the others are.
create function rfc3339(at timestamptz) returns text
language sql stable as $$
  select (to_json(at at time zone 'UTC') #>> '{}') || 'Z'
$$;

-- What a list shows of a product.
create function product_card(id uuid) returns json
language sql stable as $$
  select json_build_object('product_id', p.product_id, 'sku', p.sku, 'name', p.name,
    'short_description', p.short_description, 'category_slug', c.slug, 'brand', p.brand, 'price', p.price::text,
    'currency', p.currency, 'discount_percent', p.discount_percent::text, 'rating', p.rating::text,
    'available', coalesce(p.available, false), 'image_url', (
      select i.cdn_url from product_images i where i.product_id = p.product_id and i.is_primary limit 1))
  from products p
  left join categories c using (category_id)
  where p.product_id = id
$$;

-- A category and all that lie below it; empty when there is none of this slug.
create function categories_within(root varchar) returns integer[]
language sql stable as $$
  with recursive below(category_id) as (
    select category_id from categories where slug = root
    union
    select c.category_id from categories c join below b on c.parent_id = b.category_id
  )
  select array(select category_id from below)
$$;

-- The most popular first, per window.
create index product_popularity_1d on product_popularity (score_1d desc, product_id);
create index product_popularity_7d on product_popularity (score_7d desc, product_id);
create index product_popularity_30d on product_popularity (score_30d desc, product_id);

-- The audit is read newest first and filtered and counted by component and severity: all of that in one index.
create index idx_system_audit_listed on system_audit (created_at, id, component, severity);
drop index idx_system_audit_created_at;

-- The settings each process last started with, to tell what changed. Secrets only as keyed hashes.
create table config_snapshots (
  process varchar primary key,
  settings jsonb not null,
  recorded_at timestamptz not null default now()
);
