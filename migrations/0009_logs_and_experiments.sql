-- What was shown to whom, in which cohort they were, and what the system did on its own: the tables that reports read
-- and no recommendation is made from.
create table recommendation_logs (
  rec_id bigserial primary key,
  user_id uuid references users (user_id),
  -- No foreign keys: an answer is logged for sessions never announced, and its products are a record of what was shown.
  session_id uuid,
  request_context json,
  candidate_products uuid[],
  returned_at timestamptz default now()
);

-- A click counts for an experiment when its product was shown to that user in the day before.
create index idx_recommendation_logs_user_returned on recommendation_logs (user_id, returned_at);

create table ab_tests (
  id serial primary key,
  test_name varchar not null,
  user_id uuid references users (user_id),
  cohort varchar,
  assigned_at timestamptz default now(),
  -- A cohort is recorded once, whichever process sees the user first.
  constraint ab_tests_test_name_user_id_key unique (test_name, user_id)
);

create index idx_ab_tests_user_id on ab_tests (user_id);

create table system_audit (
  id bigserial primary key,
  component varchar,
  severity varchar,
  message varchar,
  payload json,
  created_at timestamptz default now()
);

-- The audit is read by time, newest first.
create index idx_system_audit_created_at on system_audit (created_at);
