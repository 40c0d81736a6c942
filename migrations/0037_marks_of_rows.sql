-- A mark of interactions says which rows it is of, so that whoever remembers what a user did before reads no more than
-- those: reading everything anew was the largest part of PostgreSQL's work under load. Of a user's rows in one statement it
-- has the first and the last id, how many they are, and by which transaction they came, for between them may lie rows of
-- others. Where very many may, `lasts` is null: something happened.
alter table dirty_sets add column firsts bigint[], add column lasts bigint[], add column counts integer[],
  add column xid xid8;

-- As in 0032.
create or replace function mark_visits_of_new() returns trigger language plpgsql as $$
begin
  insert into dirty_sets (kind, keys, others, firsts, lasts, counts, xid)
  select 'list', array_agg(user_id), array_agg(visit), array_agg(first),
    array_agg(case when last - first < 4 * rows + 1000 then last end), array_agg(rows), pg_current_xact_id()
  from (
    select user_id, visit, first, last, rows, (row_number() over ()) / 1000 as part
    from (
      select user_id, case when created_at > now() - interval '1 day' then session_id end as visit, min(id) as first,
        max(id) as last, count(*)::integer as rows
      from new_rows
      where user_id is not null
      group by 1, 2
    ) touched
  ) parted
  group by part;
  return null;
end
$$;
