-- Products, categories and images.

-- Each field of a product has a clock; a PUT writes all of them, only `available` stands alone. An event that would take a
-- code (`sku`) which another product has waits for it; of two that ask for a free one at the same moment, the unique key
-- stops one, which then finds it taken.
create function apply_products(batch jsonb, pepper bytea, again boolean) returns apply_result
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

create function apply_categories(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  settled jsonb;
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
  insert into categories (slug, name, parent_id)
  select s.key, s.doc ->> 'name', (select c.category_id from categories c where c.slug = s.doc ->> 'parent_slug')
  from jsonb_to_recordset(coalesce(settled, '[]')) as s(key varchar, doc jsonb)
  where jsonb_typeof(s.doc) = 'object'
  order by s.key
  on conflict (slug) do update set name = excluded.name, parent_id = excluded.parent_id;
  result.freed := array(
    select unnest(array['category:' || c.slug, 'category_id:' || c.category_id])
    from jsonb_to_recordset(coalesce(settled, '[]')) as s(key varchar)
    join categories c on c.slug = s.key);
  return result;
end
$$;

-- Of a product's images that ask to be the primary one, the one that asked last is it.
create function choose_primary_images(product_ids uuid[]) returns void
language sql as $$
  update product_images i
  set is_primary = coalesce(i.image_id = chosen.image_id, false)
  from (
    select t.product_id, (
      select c.image_id
      from product_images c
      -- Images from before there were clocks asked at the beginning of time.
      left join row_versions v on v.kind = 'image' and v.key = c.image_id::text
      where c.product_id = t.product_id
        and case when v.doc is null then c.is_primary else (v.doc ->> 'is_primary')::boolean end
      order by v.put desc nulls last, c.image_id desc
      limit 1
    ) as image_id
    from unnest(product_ids) as t(product_id)
  ) chosen
  where i.product_id = chosen.product_id
    and i.is_primary is distinct from coalesce(i.image_id = chosen.image_id, false);
$$;

create function apply_images(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  settled jsonb;
  touched uuid[];
begin
  select * into result from claim_events('upsert-images', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when (select true from products p where p.product_id = e.product_id) is null then 'product:' || e.product_id end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, product_id uuid)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select jsonb_agg(s) into settled
  from settle_rows('image', (
    select jsonb_agg(jsonb_build_object('key', e.image_id, 'clock', e.clock, 'deletes', e.op = 'delete',
      'doc', case when e.op = 'put' then jsonb_build_object('image_id', e.image_id, 'product_id', e.product_id) || e.fields end))
    from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(
      image_id uuid, product_id uuid, clock varchar, op varchar, fields jsonb)
  ), '{is_primary}') as s;
  if settled is null then return result; end if;

  touched := array(
    select i.product_id
    from jsonb_to_recordset(settled) as s(key uuid)
    cross join lateral (select x.product_id from product_images x where x.image_id = s.key offset 0) i
    union
    select (s.doc ->> 'product_id')::uuid from jsonb_to_recordset(settled) as s(doc jsonb)
    where jsonb_typeof(s.doc) = 'object'
    order by 1);
  -- Two batches on images of one product take turns.
  perform lock_versions('primary-image', touched::varchar[]);

  delete from product_images i
  using jsonb_to_recordset(settled) as s(key uuid, present boolean)
  where not s.present and i.image_id = s.key;
  insert into product_images
  select r.*
  from jsonb_to_recordset(settled) as s(key uuid, present boolean, doc jsonb, first_at timestamptz)
  cross join lateral jsonb_populate_record(null::product_images,
    s.doc || jsonb_build_object('created_at', s.first_at, 'is_primary', false)) as r
  where s.present and jsonb_typeof(s.doc) = 'object'
  order by r.image_id
  on conflict (image_id) do update
    set product_id = excluded.product_id, s3_key = excluded.s3_key, cdn_url = excluded.cdn_url, width = excluded.width,
      height = excluded.height, format = excluded.format, variant = excluded.variant, alt_text = excluded.alt_text,
      created_at = excluded.created_at;
  update product_images i
  set created_at = s.first_at
  from jsonb_to_recordset(settled) as s(key uuid, present boolean, first_at timestamptz)
  where s.present and i.image_id = s.key and i.created_at <> s.first_at;

  perform choose_primary_images(touched);
  return result;
end
$$;
