-- What products mean, as vectors, and the index made of them. The vectors in PostgreSQL are the record; the files are
-- made from them. All of files, threads and Redis speak of products by number.

-- Small, dense, for ever: arrays and bitmaps have a place for each.
create table product_numbers (
  product_id uuid primary key,
  number integer generated always as identity unique
);

create function number_products(ids uuid[]) returns void
language sql as $$
  insert into product_numbers (product_id)
  select distinct id
  from unnest(ids) as id
  -- A number that is drawn in vain is lost.
  where (select true from product_numbers n where n.product_id = id) is null
    and (select true from products p where p.product_id = id)
  order by id
  on conflict (product_id) do nothing
$$;

-- What a product says of itself, for the embedder.
create function product_text(ids uuid[]) returns table (product_id uuid, body text)
language sql stable as $$
  with recursive wanted as materialized (
    select p.product_id, p.name, p.brand, p.category_id, p.tags, p.short_description, p.long_description
    from products p
    where p.product_id = any(ids)
  ),
  up(category_id, above, path) as (
    select c.category_id, c.parent_id, c.name::text
    from categories c
    where c.category_id in (select w.category_id from wanted w)
    union all
    select up.category_id, c.parent_id, c.name || ' > ' || up.path
    from up
    join categories c on c.category_id = up.above
  )
  select w.product_id, concat_ws(E'\n', w.name, nullif(w.brand, ''), up.path, nullif(array_to_string(w.tags, ', '), ''),
    nullif(w.short_description, ''), nullif(w.long_description, ''))
  from wanted w
  left join up on up.category_id = w.category_id and up.above is null
$$;

create function embedding_hash(body text) returns bytea
language sql immutable as $$
  select substring(sha256(convert_to(body, 'UTF8')) for 16)
$$;

create table product_vectors (
  product_id uuid not null,
  model varchar not null,
  dim smallint not null,
  -- Of the text it was made from.
  hash bytea not null,
  -- Little-endian float32, `dim` of them. Random bits: compressing them would only take time.
  vector bytea storage external not null,
  -- CRC-32 of the product's id, ten bits of it: a shard is `bucket % shards`.
  bucket smallint not null,
  primary key (product_id, model)
);
-- A shard is read in this order.
create index product_vectors_bucket on product_vectors (model, bucket, product_id);

-- How many vectors of each model there are, so that nobody has to count a million rows.
create table vector_models (
  model varchar primary key,
  dim smallint not null,
  vectors integer not null
);

-- The vectors that are newer than the base shard they belong to: the rows of the delta shard.
create sequence vector_version;
create table vector_changes (
  model varchar not null,
  product_id uuid not null,
  bucket smallint not null,
  version bigint not null,
  primary key (model, product_id)
);
create index vector_changes_version on vector_changes (model, version);

-- Of these products, those whose text has no vector of this model (all of them with `anyway`).
create function list_unembedded(ids uuid[], of_model varchar, anyway boolean)
returns table (product_id uuid, body text, hash bytea)
language sql stable as $$
  select t.product_id, t.body, embedding_hash(t.body)
  from product_text(ids) t
  where anyway or (
    select v.hash from product_vectors v where v.product_id = t.product_id and v.model = of_model
  ) is distinct from embedding_hash(t.body)
$$;

-- Store vectors, 16 bytes of `hashes` and `of_dim` floats of `vectors` for each id; returns how many. One whose text is by
-- now another is left out: whoever changed the text marked the product, so a slow embedder overwrites nothing newer.
create function store_vectors(
  of_model varchar, of_dim integer, ids uuid[], buckets smallint[], hashes bytea, vectors bytea) returns integer
language plpgsql as $$
declare
  stored integer;
begin
  perform number_products(ids);
  -- One at a time until committed: who sees a version has seen all smaller ones.
  perform pg_advisory_xact_lock(7031, 7);
  with given as materialized (
    select g.id, g.bucket, substring(hashes from (g.place::integer - 1) * 16 + 1 for 16) as hash,
      substring(vectors from (g.place::integer - 1) * of_dim * 4 + 1 for of_dim * 4) as vector
    from unnest(ids, buckets) with ordinality as g(id, bucket, place)
  ),
  written as (
    insert into product_vectors (product_id, model, dim, hash, vector, bucket)
    select g.id, of_model, of_dim, g.hash, g.vector, g.bucket
    from given g
    join product_text(ids) t on t.product_id = g.id
    where embedding_hash(t.body) = g.hash
    order by g.id
    on conflict (product_id, model) do update
      set hash = excluded.hash, vector = excluded.vector
    returning product_vectors.product_id, product_vectors.bucket, xmax = 0 as added
  ),
  changed as (
    insert into vector_changes (model, product_id, bucket, version)
    select of_model, w.product_id, w.bucket, nextval('vector_version') from written w order by w.product_id
    on conflict (model, product_id) do update set version = excluded.version
  ),
  counted as (
    insert into vector_models (model, dim, vectors)
    select of_model, of_dim, count(*) from written where added
    on conflict (model) do update set vectors = vector_models.vectors + excluded.vectors
  )
  select count(*) into stored from written;
  return stored;
end
$$;

-- Forget vectors of a model that is served no more, at most `most`; returns how many.
create function forget_vectors(of_model varchar, most integer) returns integer
language plpgsql as $$
declare
  gone integer;
begin
  perform pg_advisory_xact_lock(7031, 7);
  with old as (
    delete from product_vectors v
    where v.model = of_model and v.product_id = any(array(
      select o.product_id from product_vectors o where o.model = of_model limit most))
    returning v.product_id
  ),
  changes as (
    delete from vector_changes c where c.model = of_model and c.product_id in (select product_id from old)
  )
  select count(*) into gone from old;
  update vector_models set vectors = vectors - gone where model = of_model;
  delete from vector_models where model = of_model and vectors = 0;
  return gone;
end
$$;

-- The index of each model: a row is the pointer to its current generation.
create table vector_indexes (
  model varchar primary key,
  generation bigint not null default 0,
  -- One model is served; another may be on its way in, or out.
  serving boolean not null default false,
  manifest jsonb,
  -- The newest version that this generation holds.
  covers bigint not null default 0,
  -- The newest version each base shard was built from: an older one that comes late is not taken.
  seen bigint[] not null default '{}',
  -- How many rows of each file stand in embeddings_meta.
  described jsonb not null default '{}',
  -- The newest generation that everybody was told of, and the newest that was exported as one file.
  announced bigint not null default 0,
  exported bigint not null default 0,
  published_at timestamptz,
  retired_at timestamptz
);
create unique index vector_indexes_serving on vector_indexes (serving) where serving;

-- The manifests of late: somebody may still be loading one of them, so its files stay for a while.
create table index_generations (
  model varchar not null,
  generation bigint not null,
  manifest jsonb not null,
  published_at timestamptz not null default now(),
  primary key (model, generation)
);

-- Base shards that are built and not yet published. `files` is null where no product falls into the shard.
create table shard_drafts (
  draft_id bigint generated always as identity primary key,
  model varchar not null,
  shards integer not null,
  shard integer not null,
  seen bigint not null,
  files jsonb,
  built_at timestamptz not null default now(),
  unique (model, shards, shard)
);

-- Make a new generation the current one, unless somebody else was quicker (false). The drafts it is made of are used up,
-- and with them the changes they hold.
create function publish_index(
  of_model varchar, was bigint, serve boolean, new_manifest jsonb, new_covers bigint, new_seen bigint[], used bigint[])
returns boolean
language plpgsql as $$
begin
  -- Beside nobody who stores vectors: both write the changes, in whatever order.
  perform pg_advisory_xact_lock(7031, 7);
  insert into vector_indexes (model) values (of_model) on conflict (model) do nothing;
  perform from vector_indexes i where i.model = of_model and i.generation = was for update;
  if not found then return false; end if;
  if (select count(*) from shard_drafts where draft_id = any(used)) <> cardinality(used) then return false; end if;

  -- Whose similar products are others now: those with a new vector, or everybody where the model is another.
  insert into dirty_keys (kind, key)
  select 'similar', c.product_id
  from vector_changes c
  join vector_indexes i on i.model = c.model
  where c.model = of_model and i.serving and c.version > i.covers and c.version <= new_covers
  order by c.product_id;
  insert into dirty_keys (kind, key)
  select 'similar', '00000000-0000-0000-0000-000000000000'
  from vector_indexes i
  where i.model = of_model and serve and not i.serving;

  delete from vector_changes c
  using shard_drafts d
  where d.draft_id = any(used) and c.model = of_model and c.bucket % d.shards = d.shard and c.version <= d.seen;
  delete from shard_drafts d
  where d.draft_id = any(used)
    -- Of a division that is no more, or will not be.
    or cardinality(used) > 0 and d.model = of_model and d.shards <> jsonb_array_length(new_manifest -> 'shards');
  if serve then
    update vector_indexes set serving = false, retired_at = now() where serving and model <> of_model;
  end if;
  update vector_indexes
  set generation = was + 1, serving = serving or serve, manifest = new_manifest, covers = new_covers, seen = new_seen,
    published_at = now(), retired_at = null,
    described = coalesce((
      select jsonb_object_agg(d.key, d.value)
      from jsonb_each(described) d
      where jsonb_path_exists(new_manifest, '$.**.npy.key ? (@ == $file)', jsonb_build_object('file', d.key))), '{}')
  where model = of_model;
  insert into index_generations (model, generation, manifest) values (of_model, was + 1, new_manifest);
  return true;
end
$$;

-- Write where the vectors of a file lie, from row `first` on, as long as this generation is the one being served (else
-- false). What lies in the delta file lies nowhere else.
create function describe_vectors(
  of_model varchar, of_generation bigint, file varchar, delta_file varchar, first integer, ids uuid[], of_dim integer)
returns boolean
language plpgsql as $$
begin
  perform from vector_indexes i
  where i.model = of_model and i.generation = of_generation and i.serving
  for update;
  if not found then return false; end if;
  insert into embeddings_meta (object_type, object_id, embedding_file, vector_index, dim)
  select 'product', g.id, file, first + g.place - 1, of_dim
  from unnest(ids) with ordinality as g(id, place)
  order by g.id
  on conflict (object_type, object_id) do update
    set embedding_file = excluded.embedding_file, vector_index = excluded.vector_index, dim = excluded.dim,
      created_at = excluded.created_at
    where file = delta_file or embeddings_meta.embedding_file is distinct from delta_file;
  update vector_indexes
  set described = described || jsonb_build_object(file, first + cardinality(ids))
  where model = of_model;
  return true;
end
$$;

-- What operators asked to be made anew. The targets of one are worked in the order of their places; of several
-- rebuilds the one asked first goes first.
create table rebuilds (
  rebuild_id uuid primary key,
  state varchar not null default 'running' check (state in ('running', 'done', 'failed')),
  reason varchar,
  asked_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  -- The job that works on it, and until when it has to say that it still does.
  claimed_by varchar,
  claimed_until timestamptz
);
create index rebuilds_running on rebuilds (asked_at) where state = 'running';

create table rebuild_targets (
  rebuild_id uuid not null references rebuilds (rebuild_id) on delete cascade,
  place smallint not null,
  name varchar not null,
  state varchar not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  done integer not null default 0,
  total integer not null default 0,
  -- Where to go on, in the terms of the target.
  position varchar,
  primary key (rebuild_id, place)
);

-- As before, but products are marked whose text has changed, and all that have changed in any way.
create or replace function apply_products(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  settled jsonb;
begin
  -- `fields`: what the event writes; a PUT writes null where it says nothing.
  select * into result from claim_events('upsert-products', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not coalesce(e.whole, false) and (select true from products p where p.product_id = e.product_id) is null
        then 'product:' || e.product_id
      when e.category_slug is not null
        and (select true from categories c where c.slug = e.category_slug) is null then 'category:' || e.category_slug
      when e.category_id is not null
        and (select true from categories c where c.category_id = e.category_id) is null
        then 'category_id:' || e.category_id
      when (select true from products p where p.sku = e.sku and p.product_id <> e.product_id)
        -- Older than what the product says of its code by now, it would not take it.
        and e.clock collate "C" > coalesce((
          select greatest(v.put, (v.fields ->> 'sku') collate "C")
          from row_versions v where v.kind = 'product' and v.key = e.product_id::text), '')
        then 'sku:' || e.sku
      end))
    from (
      select event_id, payload_hash, product_id, clock, whole, category_slug,
        (fields ->> 'category_id')::integer as category_id, fields ->> 'sku' as sku
      from jsonb_to_recordset(batch) as e(
        event_id uuid, payload_hash bigint, product_id uuid, clock varchar, whole boolean, category_slug varchar,
        fields jsonb)
    ) e
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select jsonb_agg(s) into settled
  from settle_fields('product', (
    select jsonb_agg(jsonb_build_object('key', e.product_id, 'clock', e.clock, 'whole', e.whole, 'fields',
      e.fields || case when e.category_slug is null then '{}' else jsonb_build_object('category_id',
        (select c.category_id from categories c where c.slug = e.category_slug)) end))
    from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(
      product_id uuid, clock varchar, whole boolean, category_slug varchar, fields jsonb)
  )) as s;
  if settled is null then return result; end if;

  -- Whoever waits for a product that is new, or a code that is given up, can go.
  result.freed := array(
    select case when p.there is null then 'product:' || s.key else 'sku:' || p.sku end
    from jsonb_to_recordset(settled) as s(key uuid, patch jsonb)
    left join lateral (select true as there, x.sku from products x where x.product_id = s.key offset 0) p on true
    where p.there is null or p.sku is not null and s.patch ? 'sku' and p.sku is distinct from s.patch ->> 'sku');
  perform mark_dirty('catalogue', array(select s.key from jsonb_to_recordset(settled) as s(key uuid)));
  -- Only what is read by the embedder needs a new vector: a price never does.
  perform mark_dirty('embedding', array(
    select s.key
    from jsonb_to_recordset(settled) as s(key uuid, patch jsonb)
    left join lateral (select to_jsonb(x) as row from products x where x.product_id = s.key offset 0) p on true
    where p.row is null or exists (
      select from unnest(array['name', 'brand', 'category_id', 'tags', 'short_description', 'long_description']) as f
      where s.patch ? f and s.patch -> f is distinct from p.row -> f)));
  insert into products
  select r.*
  from jsonb_to_recordset(settled) as s(key uuid, patch jsonb, first_at timestamptz, last_at timestamptz)
  left join lateral (select x as row from products x where x.product_id = s.key offset 0) p on true
  cross join lateral jsonb_populate_record(
    coalesce(p.row, jsonb_populate_record(null::products, jsonb_build_object('product_id', s.key, 'available', true,
      'created_at', s.first_at, 'rating', 0.0))),
    s.patch || jsonb_build_object('created_at', least((p.row).created_at, s.first_at), 'updated_at', s.last_at)
      || case when s.patch ->> 'discount_percent' is null and (s.patch ? 'discount_percent' or (p.row).product_id is null)
        then '{"discount_percent": 0}'::jsonb else '{}' end
  ) as r
  order by r.product_id
  on conflict (product_id) do update
    set sku = excluded.sku, name = excluded.name, short_description = excluded.short_description,
      long_description = excluded.long_description, category_id = excluded.category_id, tags = excluded.tags,
      price = excluded.price, currency = excluded.currency, brand = excluded.brand, available = excluded.available,
      metadata_json = excluded.metadata_json, discount_percent = excluded.discount_percent,
      created_at = excluded.created_at, updated_at = excluded.updated_at;
  return result;
end
$$;

create or replace function apply_categories(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  settled jsonb;
  retold integer[];
begin
  -- A tree is judged as a whole: one event at a time, and nobody beside it.
  if jsonb_array_length(batch) <> 1 then raise 'one category at a time' using errcode = '21000'; end if;
  perform pg_advisory_xact_lock(7031, 2);
  select * into result from claim_events('upsert-categories', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash,
      'waits_for', case when e.parent_slug is not null
        and (select true from categories c where c.slug = e.parent_slug) is null then 'category:' || e.parent_slug end,
      'refused', case when e.clock collate "C" > coalesce(
          (select v.put from row_versions v where v.kind = 'category' and v.key = e.slug), '')
        and e.parent_slug in (
        with recursive below(slug, category_id) as (
          select c.slug, c.category_id from categories c where c.slug = e.slug
          union
          select c.slug, c.category_id from categories c join below b on c.parent_id = b.category_id
        )
        select slug from below) then 'category_cycle' end))
    from jsonb_to_recordset(batch) as e(
      event_id uuid, payload_hash bigint, clock varchar, slug varchar, parent_slug varchar)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select jsonb_agg(s) into settled
  from settle_rows('category', (
    select jsonb_agg(jsonb_build_object('key', e.slug, 'clock', e.clock, 'deletes', false,
      'doc', jsonb_build_object('name', e.name, 'parent_slug', e.parent_slug)))
    from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(slug varchar, clock varchar, name varchar, parent_slug varchar)
  )) as s;
  -- Categories whose path reads differently from now on: one with another name or parent, and all below it.
  retold := array(
    with recursive changed(category_id) as (
      select c.category_id
      from jsonb_to_recordset(coalesce(settled, '[]')) as s(key varchar, doc jsonb)
      join categories c on c.slug = s.key
      left join categories parent on parent.category_id = c.parent_id
      where jsonb_typeof(s.doc) = 'object'
        and (c.name is distinct from s.doc ->> 'name' or parent.slug is distinct from s.doc ->> 'parent_slug')
      union
      select c.category_id from categories c join changed on c.parent_id = changed.category_id
    )
    select category_id from changed order by category_id);
  -- Wait for whoever is filing products here just now (a foreign key shares its row), and hold up those who come, so that
  -- the marks below miss no product.
  perform from categories c where c.category_id = any(retold) order by c.category_id for update;
  insert into categories (slug, name, parent_id)
  select s.key, s.doc ->> 'name', (select c.category_id from categories c where c.slug = s.doc ->> 'parent_slug')
  from jsonb_to_recordset(coalesce(settled, '[]')) as s(key varchar, doc jsonb)
  where jsonb_typeof(s.doc) = 'object'
  order by s.key
  on conflict (slug) do update set name = excluded.name, parent_id = excluded.parent_id;
  insert into dirty_keys (kind, key)
  select kind, p.product_id
  from products p, unnest(array['catalogue', 'embedding']) as kind
  where p.category_id = any(retold);
  if settled is not null then
    -- Stands for the tree of categories.
    insert into dirty_keys (kind, key) values ('catalogue', '00000000-0000-0000-0000-000000000000');
  end if;
  result.freed := array(
    select unnest(array['category:' || c.slug, 'category_id:' || c.category_id])
    from jsonb_to_recordset(coalesce(settled, '[]')) as s(key varchar)
    join categories c on c.slug = s.key);
  return result;
end
$$;

-- Whatever is in the catalogue without an event having brought it.
create function mark_catalogue() returns void
language sql as $$
  insert into dirty_keys (kind, key)
  select kind, p.product_id from products p, unnest(array['catalogue', 'embedding']) as kind order by p.product_id;
  insert into dirty_keys (kind, key)
  select 'catalogue', '00000000-0000-0000-0000-000000000000' where exists (select from categories);
$$;
select mark_catalogue();

-- Rows that were copied into the tables by hand: events and readers have to know of them.
alter function adopt_rows() rename to adopt_row_versions;
create function adopt_rows() returns void
language plpgsql as $$
begin
  perform adopt_row_versions();
  perform mark_catalogue();
end
$$;
