-- The catalogue. Products are hidden (available = false), never deleted: purchases and reviews go on pointing at them.
create table products (
  product_id uuid primary key,
  sku varchar,
  name varchar not null,
  short_description varchar,
  long_description varchar,
  category_id integer references categories (category_id),
  tags varchar[],
  price numeric(10, 2),
  currency varchar,
  brand varchar,
  available boolean,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  metadata_json json,
  rating numeric(3, 1) default 0.0,
  discount_percent numeric(5, 2) default 0,
  constraint products_sku_key unique (sku)
);

-- A renamed category re-embeds the products filed under it.
create index idx_products_category_id on products (category_id);

create table product_images (
  image_id uuid primary key,
  product_id uuid not null references products (product_id),
  s3_key varchar not null,
  cdn_url varchar,
  width integer,
  height integer,
  format varchar,
  variant varchar,
  alt_text varchar,
  is_primary boolean,
  created_at timestamptz default now()
);

-- "One primary image at most" is kept by the statement that sets it. A unique index would be checked row by row and
-- fail halfway through moving the mark from one image to another.
create index idx_product_images_product_id on product_images (product_id);
