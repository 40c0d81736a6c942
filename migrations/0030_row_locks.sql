-- An edit of a product or a user held up whoever inserted rows that point at them, and the other way round, each in an
-- order of its own: PostgreSQL found deadlocks. An upsert that names a column of a unique key takes the lock of one that
-- changes it, which foreign keys wait for. So the code of a product and the name of a user are written apart, and only
-- where they change; all else is as before.
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
  update products p set sku = s.patch ->> 'sku'
  from jsonb_to_recordset(settled) as s(key uuid, patch jsonb)
  where p.product_id = s.key and s.patch ? 'sku' and p.sku is distinct from s.patch ->> 'sku';
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
    set name = excluded.name, short_description = excluded.short_description, long_description = excluded.long_description,
      category_id = excluded.category_id, tags = excluded.tags, price = excluded.price, currency = excluded.currency,
      brand = excluded.brand, available = excluded.available, metadata_json = excluded.metadata_json,
      discount_percent = excluded.discount_percent, created_at = excluded.created_at, updated_at = excluded.updated_at;
  return result;
end
$$;

create or replace function apply_users(batch jsonb, pepper bytea, again boolean) returns apply_result
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
  update users u set username = s.patch ->> 'username'
  from jsonb_to_recordset(settled) as s(key uuid, patch jsonb)
  where u.user_id = s.key and s.patch ? 'username' and u.username is distinct from s.patch ->> 'username';
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
      profile = excluded.profile, is_anonymous = excluded.is_anonymous, is_active = excluded.is_active;
  return result;
end
$$;
