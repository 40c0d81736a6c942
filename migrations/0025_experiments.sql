-- Experiments: what is compared, who was shown what in which cohort, and who they are.

-- Where one version is seen, all smaller ones are: it is taken under a lock that is held until the commit.
create sequence experiment_versions;

create table experiments (
  test_name varchar primary key,
  -- In the order given: a user's share of the hash is cut in this order, and the first is what others are compared with.
  cohorts jsonb not null,
  active boolean not null,
  -- Other cohorts or weights put users into other cohorts: what was counted before is not comparable with what comes.
  run integer not null default 1,
  version bigint not null,
  created_at timestamptz not null default now(),
  -- Of the run.
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Answers that were given in an experiment. Beside the log, because its user is null as long as nobody knows the user,
-- and the first clicks of somebody new are to count. So erasure looks here, too.
create table experiment_answers (
  rec_id bigint primary key,
  test_name varchar not null,
  run integer not null,
  cohort varchar not null,
  user_id uuid not null
);
create index experiment_answers_test on experiment_answers (test_name, run);
create index experiment_answers_user_id on experiment_answers (user_id);

-- What a foreign key would do, but for standing in the way of whoever empties the log.
create function forget_experiment_answers() returns trigger
language plpgsql as $$
begin
  delete from experiment_answers a using gone g where a.rec_id = g.rec_id;
  return null;
end
$$;
create trigger recommendation_logs_deleted after delete on recommendation_logs
referencing old table as gone for each statement execute function forget_experiment_answers();

create or replace function remember_erased(ids uuid[], pepper bytea) returns void
language sql as $$
  delete from recommendation_logs l
  where l.rec_id = any(array(select a.rec_id from experiment_answers a where a.user_id = any(ids)));
  insert into erased_ids (id_hash)
  select distinct sha256(pepper || uuid_send(id)) from unnest(ids) as id where id is not null order by 1
  on conflict (id_hash) do nothing
$$;

-- Who defines holds it alone, who records assignments shares it.
create function share_experiments() returns void
language sql as 'select pg_advisory_xact_lock_shared(7031, 11)';
create function own_experiments() returns void
language sql as 'select pg_advisory_xact_lock(7031, 11)';

-- Define a test. Nothing is returned where it runs with other cohorts: those stay as they are until it was stopped.
create function put_experiment(name varchar, new_cohorts jsonb, new_active boolean) returns setof experiments
language plpgsql as $$
declare
  known experiments;
begin
  perform own_experiments();
  select * into known from experiments where test_name = name;
  if known.active and known.cohorts <> new_cohorts then return; end if;
  if known.cohorts = new_cohorts and known.active = new_active then
    return next known;
    return;
  end if;
  if known.cohorts <> new_cohorts then
    delete from ab_tests where test_name = name;
  end if;
  insert into system_audit (component, severity, message, payload)
  values ('experiments', 'info', case when new_active then 'experiment active' else 'experiment inactive' end,
    json_build_object('test_name', name, 'cohorts', new_cohorts));
  return query
  insert into experiments as e (test_name, cohorts, active, version)
  values (name, new_cohorts, new_active, nextval('experiment_versions'))
  on conflict (test_name) do update
    set cohorts = excluded.cohorts, active = excluded.active, version = excluded.version, updated_at = now(),
      run = e.run + (e.cohorts <> excluded.cohorts)::integer,
      started_at = case when e.cohorts <> excluded.cohorts then now() else e.started_at end
  returning *;
end
$$;

-- Record the cohorts of users who are there. The first that is recorded stays; of an earlier run none is.
create function assign_cohorts(batch jsonb, pepper bytea) returns integer
language plpgsql as $$
declare
  assigned integer;
begin
  perform share_identities();
  perform share_experiments();
  insert into ab_tests (test_name, user_id, cohort)
  select distinct on (b.test_name, person.id) b.test_name, person.id, b.cohort
  from jsonb_to_recordset(batch) as b(test_name varchar, run integer, user_id uuid, cohort varchar)
  cross join lateral (select person_of(b.user_id, pepper) as id offset 0) person
  join experiments x on x.test_name = b.test_name and x.run = b.run
  where (select true from users u where u.user_id = person.id)
    -- Those who are recorded already would use up numbers.
    and (select true from ab_tests t where t.test_name = b.test_name and t.user_id = person.id) is null
  order by b.test_name, person.id
  on conflict (test_name, user_id) do nothing;
  get diagnostics assigned = row_count;
  return assigned;
end
$$;

-- Write down what was answered to whom, once for each batch. Answers to persons who were erased since leave nothing.
create function log_answers(batch uuid, answers jsonb, pepper bytea) returns integer
language plpgsql as $$
declare
  logged integer;
begin
  perform share_identities();
  insert into processed_events (event_id, job, payload_hash) values (batch, 'log-recommendations', 0)
  on conflict (event_id) do nothing;
  if not found then return 0; end if;
  with told as materialized (
    select nextval('recommendation_logs_rec_id_seq') as rec_id, person.id as person, a.session_id, a.products,
      a.returned_at, a.context, a.experiment
    from jsonb_to_recordset(answers) as a(
      user_id uuid, session_id uuid, products uuid[], returned_at timestamptz, context jsonb, experiment jsonb)
    cross join lateral (select person_of(a.user_id, pepper) as id offset 0) person
    where person.id is not null
  ),
  logged_now as (
    insert into recommendation_logs (rec_id, user_id, session_id, request_context, candidate_products, returned_at)
    select t.rec_id, u.user_id, s.session_id, t.context::json, t.products, t.returned_at
    from told t
    left join users u on u.user_id = t.person
    -- Only where erasing the person takes the row with it.
    left join lateral (
      select t.session_id
      where u.user_id is not null and not is_erased(t.session_id, pepper)
        and coalesce((select x.user_id from sessions x where x.session_id = t.session_id), u.user_id) = u.user_id
    ) s on true
    returning rec_id
  ),
  in_experiments as (
    insert into experiment_answers (rec_id, test_name, run, cohort, user_id)
    select t.rec_id, t.experiment ->> 'test_name', (t.experiment ->> 'run')::integer, t.experiment ->> 'cohort', t.person
    from told t
    where t.experiment is not null
  )
  select count(*) into logged from logged_now;
  return logged;
end
$$;
