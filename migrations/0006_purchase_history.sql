-- What was bought, a row per item of an order. Purchases are money, so they are not mixed in with the interactions.
create table purchase_history (
  id bigserial primary key,
  user_id uuid not null references users (user_id),
  product_id uuid not null references products (product_id),
  quantity integer not null default 1,
  unit_price numeric(10, 2) not null,
  total_price numeric(10, 2) not null,
  order_id uuid,
  purchased_at timestamptz not null default now(),
  payment_method varchar,
  payment_status varchar default 'completed'
);

create index idx_purchase_history_order_id on purchase_history (order_id);
create index idx_purchase_history_product_id on purchase_history (product_id);
create index idx_purchase_history_purchased_at on purchase_history (purchased_at);
create index idx_purchase_history_user_id on purchase_history (user_id);
create index idx_purchase_history_user_purchased on purchase_history (user_id, purchased_at);
