-- Every event takes effect once. The statement that applies events writes their ids here; an id that is there already
-- has had its effect. Partitioned by hash, never by day: a unique key must hold the partition column, so an id sent
-- again after midnight would count as new.
create table processed_events (
  event_id uuid not null,
  job varchar not null,
  -- The first 48 bits of a hash of the payload: tells a repeat from another event under the same id.
  payload_hash bigint not null,
  applied_at timestamptz not null default now(),
  primary key (event_id)
) partition by hash (event_id);

create table processed_events_0 partition of processed_events for values with (modulus 8, remainder 0);
create table processed_events_1 partition of processed_events for values with (modulus 8, remainder 1);
create table processed_events_2 partition of processed_events for values with (modulus 8, remainder 2);
create table processed_events_3 partition of processed_events for values with (modulus 8, remainder 3);
create table processed_events_4 partition of processed_events for values with (modulus 8, remainder 4);
create table processed_events_5 partition of processed_events for values with (modulus 8, remainder 5);
create table processed_events_6 partition of processed_events for values with (modulus 8, remainder 6);
create table processed_events_7 partition of processed_events for values with (modulus 8, remainder 7);

-- Old ids are removed by age. Rows arrive in order of time, so a BRIN index is enough and costs next to nothing.
create index processed_events_applied_at on processed_events using brin (applied_at);

-- The same id came with another payload: the first stands, and this says so.
create table event_conflicts (
  event_id uuid primary key,
  job varchar not null,
  conflicts integer not null default 1,
  last_at timestamptz not null default now()
);

-- Events that cannot take effect now: `waiting` for a row they name, `failed` for a person to look at, `refused` by a
-- rule. The payload is json, not jsonb: a bad event may hold what jsonb cannot (NUL).
create table parked_events (
  event_id uuid primary key,
  job varchar not null,
  state varchar not null check (state in ('waiting', 'failed', 'refused')),
  reason varchar not null,
  detail varchar,
  -- What a waiting event waits for, such as `product:<uuid>`.
  waits_for varchar,
  payload json not null,
  payload_hash bigint not null,
  parked_at timestamptz not null default now(),
  -- When a waiting event is given up, or the parked one was last tried.
  expires_at timestamptz
);
create index parked_events_waits_for on parked_events (waits_for) where state = 'waiting';
create index parked_events_expires_at on parked_events (expires_at) where state = 'waiting';
create index parked_events_listed on parked_events (state, parked_at, event_id);

-- Whatever an apply made stale (a user's list, a product's popularity …), written by the same statement. Only ever
-- inserted and deleted, never updated, so that writers of one hot key do not wait for each other; who recomputes
-- deletes exactly the rows it saw.
create table dirty_keys (
  id bigint generated always as identity primary key,
  kind varchar not null,
  key uuid not null,
  -- The second half of the key, where a pair is stale.
  other uuid
);
create index dirty_keys_kind on dirty_keys (kind, id);

-- Keys of apps: only a hash is kept.
create table api_keys (
  key_id uuid primary key,
  app varchar not null,
  scopes varchar[] not null,
  key_hash bytea not null unique,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
