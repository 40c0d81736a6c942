-- What a person means to buy, and what they would like to: at most one line per product in each.
create table user_cart (
  id bigserial primary key,
  user_id uuid not null references users (user_id),
  product_id uuid not null references products (product_id),
  quantity integer not null default 1,
  added_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint user_cart_user_id_product_id_key unique (user_id, product_id)
);

create index idx_user_cart_added_at on user_cart (added_at);
create index idx_user_cart_product_id on user_cart (product_id);
create index idx_user_cart_user_id on user_cart (user_id);

create table user_wishlist (
  id bigserial primary key,
  user_id uuid not null references users (user_id),
  product_id uuid not null references products (product_id),
  added_at timestamptz not null default now(),
  constraint user_wishlist_user_id_product_id_key unique (user_id, product_id)
);

create index idx_user_wishlist_added_at on user_wishlist (added_at);
create index idx_user_wishlist_product_id on user_wishlist (product_id);
create index idx_user_wishlist_user_id on user_wishlist (user_id);
