-- One review per person and product, one helpful vote per person and review. helpful_count and products.rating are
-- recounted from these rows, never incremented.
create table reviews (
  review_id uuid primary key default gen_random_uuid(),
  user_id uuid not null references users (user_id),
  product_id uuid not null references products (product_id),
  rating integer not null,
  title varchar,
  comment text,
  verified_purchase boolean not null default false,
  helpful_count integer not null default 0,
  is_approved boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint reviews_user_id_product_id_key unique (user_id, product_id)
);

create index idx_reviews_product_id on reviews (product_id);
create index idx_reviews_rating on reviews (rating);
create index idx_reviews_user_id on reviews (user_id);

create table review_helpful_votes (
  id bigserial primary key,
  review_id uuid not null references reviews (review_id),
  user_id uuid not null references users (user_id),
  created_at timestamptz not null default now(),
  constraint review_helpful_votes_review_id_user_id_key unique (review_id, user_id)
);

-- The unique key finds the votes of a review; merging and erasing a person need those of a user.
create index idx_review_helpful_votes_user_id on review_helpful_votes (user_id);
