import type { CohortCount, Experiment, RunCount } from '../db/experiments.ts';
import { type Clustered, effectiveTrials, wilsonInterval } from './proportions.ts';
import { speakVerdict } from './verdict.ts';

const nothing = (cohort: string): CohortCount => ({
  cohort,
  users: 0,
  impressions: 0,
  clicked: 0,
  clicks: 0,
  clicked_squares: 0,
  clicked_by_impressions: 0,
  impression_squares: 0,
  purchases: 0,
  buyers: 0,
  revenue: {},
});

const clusteredClicks = (count: CohortCount): Clustered => ({
  successes: count.clicked,
  trials: count.impressions,
  clusters: count.users,
  successSquares: count.clicked_squares,
  products: count.clicked_by_impressions,
  trialSquares: count.impression_squares,
});

const shareOf = (part: number, all: number): number | null => (all === 0 ? null : part / all);

const clickInterval = (clicks: Clustered) => {
  if (clicks.trials === 0) return null;
  const trials = effectiveTrials(clicks);
  return wilsonInterval((clicks.successes / clicks.trials) * trials, trials) ?? null;
};

/** What is told of a run: the counts of each cohort, what they are worth, and what they show. */
export const makeReport = (
  { test_name, active, run, started_at, cohorts }: Experiment,
  { cohorts: counted, mixed }: RunCount,
) => {
  const counts = cohorts.map(({ name, weight }) => ({
    weight,
    count: counted.find(({ cohort }) => cohort === name) ?? nothing(name),
  }));
  return {
    ...{ test_name, active, run, started_at },
    cohorts: counts.map(({ weight, count }) => ({
      name: count.cohort,
      weight,
      users: count.users,
      impressions: count.impressions,
      clicks: count.clicks,
      clicked_impressions: count.clicked,
      ctr: shareOf(count.clicked, count.impressions),
      ctr_interval: clickInterval(clusteredClicks(count)),
      purchases: count.purchases,
      buyers: count.buyers,
      conversion: shareOf(count.buyers, count.users),
      conversion_interval: wilsonInterval(count.buyers, count.users) ?? null,
      revenue: count.revenue,
    })),
    mixed_users: mixed,
    verdict: speakVerdict(
      counts.map(({ weight, count }) => ({
        name: count.cohort,
        weight,
        users: count.users,
        clicked: clusteredClicks(count),
        buyers: count.buyers,
      })),
      { active },
    ),
  };
};
