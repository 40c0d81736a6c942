-- Orders. An order's rows share one payment status, which has a clock of its own. A purchase also is the deletion of the
-- cart lines of what was bought, as of its time: older lines go, also those that arrive later.
create function apply_purchases(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  live jsonb;
  erased uuid[];
  statuses jsonb;
  lines jsonb;
  orders uuid[];
begin
  perform share_identities();
  select * into result from claim_events('record-purchases', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not is_erased(e.user_id, pepper) then (
        select 'product:' || (i ->> 'product_id')
        from jsonb_array_elements(e.items) as i
        where (select true from products p where p.product_id = (i ->> 'product_id')::uuid) is null
        limit 1) end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, user_id uuid, items jsonb)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select
    coalesce(jsonb_agg(e.value || jsonb_build_object('user_id', person)) filter (where person is not null), '[]'),
    array_agg((e.value ->> 'order_id')::uuid) filter (where person is null)
  into live, erased
  from jsonb_array_elements(only_fresh(batch, result.fresh)) as e, person_of((e.value ->> 'user_id')::uuid, pepper) as person;
  -- So that what is said of such an order later is known to be of an erased person, too.
  perform remember_erased(erased, pepper);
  perform stub_users(array(select (e ->> 'user_id')::uuid from jsonb_array_elements(live) as e));

  select coalesce(jsonb_object_agg(s.key, s.patch ->> 'payment_status'), '{}')
  into statuses
  from settle_fields('order', (
    select coalesce(jsonb_agg(jsonb_build_object('key', e.order_id, 'clock', e.clock,
      'fields', jsonb_build_object('payment_status', coalesce(e.payment_status, 'completed')))), '[]')
    from jsonb_to_recordset(live) as e(order_id uuid, clock varchar, payment_status varchar)
  )) as s;

  update purchase_history h
  set payment_status = s.value
  from jsonb_each_text(statuses) as s
  where h.order_id = s.key::uuid and h.payment_status is distinct from s.value;

  insert into purchase_history
    (user_id, product_id, quantity, unit_price, total_price, order_id, purchased_at, payment_method, payment_status)
  select e.user_id, i.product_id, i.quantity, i.unit_price, i.quantity * i.unit_price, e.order_id,
    coalesce(e.purchased_at, e.at), e.payment_method,
    -- Without a verdict of its own the order had a newer one before, which its rows carry.
    coalesce(statuses ->> e.order_id::text,
      (select h.payment_status from purchase_history h where h.order_id = e.order_id limit 1))
  from jsonb_to_recordset(live) as e(
      event_id uuid, user_id uuid, order_id uuid, items jsonb, payment_method varchar, purchased_at timestamptz,
      at timestamptz),
    rows from (jsonb_to_recordset(e.items) as (product_id uuid, quantity integer, unit_price numeric))
      with ordinality as i(product_id, quantity, unit_price, place)
  order by e.event_id, i.place;

  select coalesce(jsonb_agg(jsonb_build_object('key', user_id || ':' || (i ->> 'product_id'), 'clock', clock,
    'deletes', true)), '[]')
  into lines
  from jsonb_to_recordset(live) as e(user_id uuid, clock varchar, items jsonb), jsonb_array_elements(e.items) as i;
  perform apply_cart_lines(lines);

  orders := array(select distinct (e ->> 'order_id')::uuid from jsonb_array_elements(live) as e);
  perform mark_purchases(orders);
  result.freed := array(select 'order:' || o from unnest(orders) as o);
  return result;
end
$$;

-- What follows from a change of these orders: whether reviews are of bought products, what is popular.
create function mark_purchases(orders uuid[]) returns void
language sql as $$
  insert into dirty_keys (kind, key, other)
  select distinct 'verified', user_id, product_id from purchase_history where order_id = any(orders);
  insert into dirty_keys (kind, key)
  select distinct 'popularity', product_id from purchase_history where order_id = any(orders);
$$;

create function apply_payment_statuses(batch jsonb, pepper bytea, again boolean) returns apply_result
language plpgsql as $$
declare
  result apply_result;
  statuses jsonb;
begin
  perform share_identities();
  select * into result from claim_events('change-payment-status', (
    select jsonb_agg(jsonb_build_object('event_id', e.event_id, 'payload_hash', e.payload_hash, 'waits_for', case
      when not is_erased(e.order_id, pepper)
        and (select true from row_versions v where v.kind = 'order' and v.key = e.order_id::text) is null
        and (select true from purchase_history h where h.order_id = e.order_id limit 1) is null
      then 'order:' || e.order_id end))
    from jsonb_to_recordset(batch) as e(event_id uuid, payload_hash bigint, order_id uuid)
  ), again);
  if cardinality(result.fresh) = 0 then return result; end if;

  select coalesce(jsonb_object_agg(s.key, s.patch ->> 'payment_status'), '{}')
  into statuses
  from settle_fields('order', (
    select coalesce(jsonb_agg(jsonb_build_object('key', e.order_id, 'clock', e.clock,
      'fields', jsonb_build_object('payment_status', e.payment_status))), '[]')
    from jsonb_to_recordset(only_fresh(batch, result.fresh)) as e(order_id uuid, clock varchar, payment_status varchar)
    where not is_erased(e.order_id, pepper)
  )) as s;

  update purchase_history h
  set payment_status = s.value
  from jsonb_each_text(statuses) as s
  where h.order_id = s.key::uuid;
  perform mark_purchases(array(select k::uuid from jsonb_object_keys(statuses) as k));
  return result;
end
$$;
