-- The tree products are filed in. Callers know a category by its slug; the number is ours.
create table categories (
  category_id serial primary key,
  name varchar not null,
  slug varchar not null,
  parent_id integer references categories (category_id),
  constraint categories_slug_key unique (slug)
);

-- A filter on a category includes what lies below it, so the tree is walked downwards.
create index idx_categories_parent_id on categories (parent_id);
