-- Cart and wishlist lines: one clock a line. Keys are `<user>:<product>`.
create function apply_cart_lines(changes jsonb) returns void
language plpgsql as $$
declare
  settled jsonb;
begin
  select jsonb_agg(s) into settled from settle_rows('cart', changes) as s;
  if settled is null then return; end if;
  delete from user_cart c
  using jsonb_to_recordset(settled) as s(key varchar, present boolean)
  where not s.present and c.user_id = split_part(s.key, ':', 1)::uuid and c.product_id = split_part(s.key, ':', 2)::uuid;
  insert into user_cart (user_id, product_id, quantity, added_at, updated_at)
  select split_part(s.key, ':', 1)::uuid, split_part(s.key, ':', 2)::uuid, (s.doc ->> 'quantity')::integer, s.first_at,
    s.last_at
  from jsonb_to_recordset(settled) as s(key varchar, present boolean, doc jsonb, first_at timestamptz, last_at timestamptz)
  where s.present and jsonb_typeof(s.doc) = 'object'
  order by s.key
  on conflict (user_id, product_id) do update
    set quantity = excluded.quantity, added_at = excluded.added_at, updated_at = excluded.updated_at;
  update user_cart c
  set added_at = s.first_at
  from jsonb_to_recordset(settled) as s(key varchar, present boolean, doc jsonb, first_at timestamptz)
  where s.present and c.user_id = split_part(s.key, ':', 1)::uuid and c.product_id = split_part(s.key, ':', 2)::uuid
    and c.added_at <> s.first_at;
end
$$;

create function apply_wishlist_lines(changes jsonb) returns void
language plpgsql as $$
declare
  settled jsonb;
begin
  select jsonb_agg(s) into settled from settle_rows('wish', changes) as s;
  if settled is null then return; end if;
  delete from user_wishlist w
  using jsonb_to_recordset(settled) as s(key varchar, present boolean)
  where not s.present and w.user_id = split_part(s.key, ':', 1)::uuid and w.product_id = split_part(s.key, ':', 2)::uuid;
  insert into user_wishlist (user_id, product_id, added_at)
  select split_part(s.key, ':', 1)::uuid, split_part(s.key, ':', 2)::uuid, s.first_at
  from jsonb_to_recordset(settled) as s(key varchar, present boolean, first_at timestamptz)
  where s.present
  order by s.key
  on conflict (user_id, product_id) do update set added_at = excluded.added_at;
end
$$;

-- Apply cart or wishlist events, which differ only in what is written.
create function apply_lines(job_name varchar, batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  changes jsonb;
begin
  perform share_identities();
  select * into result from claim_events(job_name, (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not is_erased(e.user_id, pepper)
        and (select true from products p where p.product_id = e.product_id) is null then 'product:' || e.product_id end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, user_id uuid, product_id uuid)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  perform stub_users(array(
    select person_of((e ->> 'user_id')::uuid, pepper) from jsonb_array_elements(only_fresh(batch, result.fresh)) as e));
  select jsonb_agg(jsonb_build_object('key', person || ':' || e.product_id, 'clock', e.clock,
    'deletes', e.op = 'delete', 'doc', jsonb_build_object('quantity', e.quantity)))
  into changes
  from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(
      user_id uuid, product_id uuid, clock varchar, op varchar, quantity integer),
    person_of(e.user_id, pepper) as person
  where person is not null;
  if job_name = 'update-cart' then
    perform apply_cart_lines(coalesce(changes, '[]'));
  else
    perform apply_wishlist_lines(coalesce(changes, '[]'));
  end if;
  return result;
end
$$;
