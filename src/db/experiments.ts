import type { Cohort } from '../serving/cohorts.ts';
import type { Db } from './database.ts';

/** A test as it is defined. */
export interface Definition {
  test_name: string;
  cohorts: Cohort[];
  run: number;
}

export interface Experiment extends Definition {
  active: boolean;
  version: number;
  created_at: string;
  started_at: string;
  updated_at: string;
}

/** The active tests, and the version that this is. */
export const listActiveExperiments = async (db: Db): Promise<{ version: number; tests: Definition[] }> => {
  const [row] = await db<{ version: number; tests: Definition[] }>`
    select coalesce(max(version), 0)::bigint as version,
      coalesce(json_agg(json_build_object('test_name', test_name, 'cohorts', cohorts, 'run', run))
        filter (where active), '[]') as tests
    from experiments`;
  return row as { version: number; tests: Definition[] };
};

export const findExperiment = async (db: Db, testName: string): Promise<Experiment | undefined> => {
  const [row] = await db<Experiment>`
    select test_name, cohorts, active, run, version, created_at, started_at, updated_at
    from experiments where test_name = ${testName}`;
  return row;
};

/** Define a test; undefined when it is active with other cohorts. */
export const putExperiment = async (
  db: Db,
  { testName, cohorts, active }: { testName: string; cohorts: readonly Cohort[]; active: boolean },
): Promise<Experiment | undefined> => {
  const [row] = await db<Experiment>`
    select test_name, cohorts, active, run, version, created_at, started_at, updated_at
    from put_experiment(${testName}, ${JSON.stringify(cohorts)}::text::jsonb, ${active})`;
  return row;
};

/** A user's cohort in one run of a test. */
export interface CohortAssignment {
  test_name: string;
  run: number;
  user_id: string;
  cohort: string;
}

/** Record cohorts of users; who has one keeps it. */
export const insertAssignments = (db: Db, assignments: readonly CohortAssignment[], pepper: Buffer) => db`
  select assign_cohorts(${JSON.stringify(assignments)}::text::jsonb, ${pepper})`;

/** What happened in one cohort of a run. Users who were shown answers of several cohorts are in none of them. */
export interface CohortCount {
  cohort: string;
  users: number;
  /** Answers. */
  impressions: number;
  /** Answers that at least one click followed. */
  clicked: number;
  clicks: number;
  /** Over the users: sums of squares of clicked answers and of answers, and of their products. */
  clicked_squares: number;
  clicked_by_impressions: number;
  impression_squares: number;
  purchases: number;
  buyers: number;
  /** By currency, exact; `?` where the product has none. */
  revenue: Record<string, string>;
}

export interface RunCount {
  cohorts: CohortCount[];
  /** Users who were shown answers of several cohorts: visitors who turned out to be somebody else. */
  mixed: number;
}

/**
 * What happened in a run of a test. A click or an item bought counts once, for the latest answer of the 24 hours before
 * it that had the product. Only completed purchases do.
 */
export const countExperiment = async (db: Db, { test_name, run }: Definition): Promise<RunCount> => {
  const [row] = await db<RunCount>`
    with answers as materialized (
      select e.rec_id, e.cohort, coalesce(a.user_id, e.user_id) as person, l.returned_at, l.candidate_products
      from experiment_answers e
      join recommendation_logs l using (rec_id)
      left join user_aliases a on a.old_user_id = e.user_id
      where e.test_name = ${test_name} and e.run = ${run}
    ),
    people as materialized (
      select person, min(cohort) as cohort, count(*) as impressions, count(distinct cohort) > 1 as mixed
      from answers
      group by person
    ),
    clicks as (
      select distinct on (i.id) i.id, a.rec_id, a.person
      from answers a
      join people p on p.person = a.person and not p.mixed
      join interactions i on i.user_id = a.person and i.event_type = 'click' and i.product_id = any(a.candidate_products)
        and i.created_at >= a.returned_at and i.created_at < a.returned_at + interval '24 hours'
      order by i.id, a.returned_at desc, a.rec_id desc
    ),
    buys as materialized (
      select distinct on (h.id) h.id, a.person, a.cohort, h.total_price, coalesce(x.currency, '?') as currency
      from answers a
      join people p on p.person = a.person and not p.mixed
      join purchase_history h on h.user_id = a.person and h.product_id = any(a.candidate_products)
        and h.purchased_at >= a.returned_at and h.purchased_at < a.returned_at + interval '24 hours'
        and coalesce(h.payment_status, 'completed') = 'completed'
      join products x on x.product_id = h.product_id
      order by h.id
    ),
    clickers as (
      select person, count(*) as clicks, count(distinct rec_id) as clicked from clicks group by person
    ),
    buyers as (select person, count(*) as purchases from buys group by person),
    revenues as (
      select cohort, json_object_agg(currency, total::text order by currency) as revenue
      from (select cohort, currency, sum(total_price) as total from buys group by cohort, currency) r
      group by cohort
    ),
    counts as (
      select p.cohort, count(*)::integer as users, sum(p.impressions)::bigint as impressions,
        coalesce(sum(c.clicked), 0)::bigint as clicked, coalesce(sum(c.clicks), 0)::bigint as clicks,
        coalesce(sum(c.clicked ^ 2), 0)::float8 as clicked_squares,
        coalesce(sum(c.clicked * p.impressions), 0)::float8 as clicked_by_impressions,
        sum(p.impressions ^ 2)::float8 as impression_squares,
        coalesce(sum(b.purchases), 0)::bigint as purchases, count(b.person)::integer as buyers
      from people p
      left join clickers c using (person)
      left join buyers b using (person)
      where not p.mixed
      group by p.cohort
    )
    select coalesce((
        select json_agg(json_build_object('cohort', c.cohort, 'users', c.users, 'impressions', c.impressions,
          'clicked', c.clicked, 'clicks', c.clicks, 'clicked_squares', c.clicked_squares,
          'clicked_by_impressions', c.clicked_by_impressions, 'impression_squares', c.impression_squares,
          'purchases', c.purchases, 'buyers', c.buyers, 'revenue', coalesce(r.revenue, '{}'::json)))
        from counts c left join revenues r using (cohort)), '[]') as cohorts,
      (select count(*)::integer from people where mixed) as mixed`;
  return row as RunCount;
};
