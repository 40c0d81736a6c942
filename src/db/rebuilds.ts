import type { Db } from './database.ts';

export type RebuildState = 'running' | 'done' | 'failed';
export type TargetState = 'waiting' | RebuildState;

export interface RebuildTarget {
  name: string;
  state: TargetState;
  done: number;
  total: number;
}

export interface Rebuild {
  state: RebuildState;
  reason: string | null;
  targets: RebuildTarget[];
}

/** Note what is to be made anew, in this order. */
export const insertRebuild = (db: Db, rebuildId: string, targets: readonly string[]) => db`
  with rebuild as (insert into rebuilds (rebuild_id) values (${rebuildId}) returning rebuild_id)
  insert into rebuild_targets (rebuild_id, place, name)
  select r.rebuild_id, t.place, t.name from rebuild r, unnest(${targets}::varchar[]) with ordinality as t(name, place)`;

export const findRebuild = async (db: Db, rebuildId: string): Promise<Rebuild | undefined> => {
  const [row] = await db<Rebuild>`
    select r.state, r.reason, (
      select json_agg(json_build_object('name', t.name, 'state', t.state, 'done', t.done, 'total', t.total)
        order by t.place)
      from rebuild_targets t where t.rebuild_id = r.rebuild_id) as targets
    from rebuilds r where r.rebuild_id = ${rebuildId}`;
  return row;
};

/** The part of a rebuild to work on. */
export interface RebuildStep {
  rebuild_id: string;
  place: number;
  name: string;
  done: number;
  total: number;
  position: string | null;
}

/** How long a job that went silent keeps others off. */
const claimSeconds = 30;

/**
 * The first unfinished target of the rebuild asked for first, now this job's to work on; undefined when there is none or
 * another job has it.
 */
export const claimRebuildStep = async (db: Db, jobId: string): Promise<RebuildStep | undefined> => {
  const [row] = await db<RebuildStep>`
    with claimed as (
      update rebuilds
      set claimed_by = ${jobId}, claimed_until = now() + ${claimSeconds} * interval '1 second'
      where rebuild_id = (select rebuild_id from rebuilds where state = 'running' order by asked_at limit 1)
        and (claimed_by is null or claimed_by = ${jobId} or claimed_until < now())
      returning rebuild_id
    ),
    next as (
      select t.rebuild_id, t.place
      from rebuild_targets t join claimed using (rebuild_id)
      where t.state in ('waiting', 'running') order by t.place limit 1
    )
    update rebuild_targets t set state = 'running'
    from next n where t.rebuild_id = n.rebuild_id and t.place = n.place
    returning t.rebuild_id, t.place, t.name, t.done, t.total, t.position`;
  return row;
};

/** Note how far a target is, and that its job lives; false when another job has taken over. */
export const advanceRebuild = async (
  db: Db,
  jobId: string,
  { rebuild_id, place, done, total, position }: RebuildStep,
): Promise<boolean> =>
  (
    await db`
      with held as (
        update rebuilds set claimed_until = now() + ${claimSeconds} * interval '1 second'
        where rebuild_id = ${rebuild_id} and claimed_by = ${jobId} and state = 'running'
        returning rebuild_id
      )
      update rebuild_targets t set done = ${done}, total = ${total}, position = ${position}
      from held h where t.rebuild_id = h.rebuild_id and t.place = ${place}
      returning t.place`
  ).length > 0;

/** A target is done; the rebuild is, too, with its last one. */
export const finishRebuildStep = (db: Db, jobId: string, { rebuild_id, place }: RebuildStep) => db`
  with finished as (
    update rebuild_targets t set state = 'done'
    from rebuilds r
    where t.rebuild_id = ${rebuild_id} and t.place = ${place} and r.rebuild_id = t.rebuild_id and r.claimed_by = ${jobId}
    returning t.place
  )
  update rebuilds set state = 'done', ended_at = now()
  where rebuild_id = ${rebuild_id} and exists (select from finished) and not exists (
    select from rebuild_targets t
    where t.rebuild_id = ${rebuild_id} and t.state <> 'done' and t.place <> ${place})`;

/** A target cannot be done, and so neither can what was to come after it. */
export const failRebuildStep = (
  db: Db,
  jobId: string,
  { rebuild_id, place }: RebuildStep,
  reason: string,
) => db`
  with failed as (
    update rebuilds set state = 'failed', reason = ${reason}, ended_at = now()
    where rebuild_id = ${rebuild_id} and claimed_by = ${jobId} and state = 'running'
    returning rebuild_id
  )
  update rebuild_targets t set state = 'failed'
  from failed f where t.rebuild_id = f.rebuild_id and t.place = ${place}`;
