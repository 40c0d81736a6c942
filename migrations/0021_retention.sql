-- What is past its age goes in small batches, each a statement of its own.

create index idx_recommendation_logs_returned_at on recommendation_logs (returned_at);

-- Ids of the ledger are removed by walking its pages. A BRIN index on the time serves until the first rows were removed:
-- new ones then fill their places, and every range of pages holds old and new.
drop index processed_events_applied_at;

-- Forget event ids of one partition that were applied before `cutoff`, at most `most`, looking through the pages from
-- after `start` up to `last_block`. Returns how many, and the place of the last.
create function forget_event_ids(
  part integer, start tid, last_block bigint, cutoff timestamptz, most integer, out removed integer, out reached tid)
language plpgsql as $$
begin
  execute format($sql$
    with old as materialized (
      select ctid as place from %1$I where ctid > $1 and ctid < $2 and applied_at < $3 limit $4
    ),
    gone as (
      delete from %1$I e where e.ctid = any(array(select place from old)) and e.applied_at < $3 returning e.event_id
    ),
    conflicts_gone as (
      delete from event_conflicts c where c.event_id = any(array(select event_id from gone))
    )
    select (select count(*)::integer from gone), (select max(place) from old)
  $sql$, 'processed_events_' || part)
  into removed, reached
  using start, format('(%s,0)', last_block)::tid, cutoff, most;
end
$$;
