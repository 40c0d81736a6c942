-- The largest table and the busiest one: every further index is paid for by each insert, so it has those of the
-- documented schema and none besides. An index on (user_id, created_at) for reading a person's history newest first made
-- inserts a third slower; idx_interactions_user_event finds the rows to sort, 0.5 ms for a usual person, 11 ms for one
-- with 20,000. Such a read has to fence that step (a materialized CTE): left the choice, the planner may walk
-- idx_interactions_created_at backwards instead, through the whole table for somebody who has been away for long.
create table interactions (
  id bigserial primary key,
  user_id uuid references users (user_id),
  product_id uuid references products (product_id),
  -- No foreign key, and no index: a session may end or be pruned before the last of its events arrives.
  session_id uuid,
  event_type varchar not null,
  event_value numeric,
  platform varchar,
  device json,
  created_at timestamptz not null default now()
);

create index idx_interactions_created_at on interactions (created_at);
create index idx_interactions_event_type on interactions (event_type);
create index idx_interactions_product_event on interactions (product_id, event_type);
create index idx_interactions_user_event on interactions (user_id, event_type);
create index idx_interactions_user_purchases on interactions (user_id, created_at) where event_type = 'purchase';
