-- People come first: nearly every other table points at them. An event may name a user or a session nobody has seen,
-- so a row needs no more than its id and the two flags; later events fill in the rest.
create table users (
  user_id uuid primary key,
  email varchar,
  password_hash varchar,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz,
  profile json,
  is_anonymous boolean not null,
  is_active boolean not null,
  username varchar,
  constraint users_username_key unique (username)
);

create table sessions (
  session_id uuid primary key,
  user_id uuid references users (user_id),
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  context json
);

-- Merging and erasing a person look sessions up by user; so does the foreign key when the user's row goes.
create index idx_sessions_user_id on sessions (user_id);
