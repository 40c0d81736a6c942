import { z } from 'zod';
import { countExperiment, type Experiment, findExperiment, putExperiment } from '../db/experiments.ts';
import { cohort } from '../serving/cohorts.ts';
import { makeReport } from '../serving/experiment-report.ts';
import { Problem, unavailable } from './problem.ts';
import { defineRoute } from './route.ts';

/** Longer than a process that died is waited for. */
const everywhereMs = 8_000;

const params = z.object({
  test_name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, 'must match [A-Za-z0-9][A-Za-z0-9_.-]{0,99}'),
});

const definition = z.strictObject({
  cohorts: z
    .array(cohort)
    .min(1)
    .max(20)
    .refine(
      (cohorts) => new Set(cohorts.map(({ name }) => name)).size === cohorts.length,
      'must have different names',
    )
    .refine((cohorts) => cohorts.some(({ weight }) => weight > 0), 'must have a weight above 0'),
  active: z.boolean(),
});

const experiment = z
  .object({
    test_name: z.string(),
    ...definition.shape,
    run: z
      .int()
      .meta({ description: 'Counts up when cohorts or weights change; the report is of the newest run.' }),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().meta({ description: 'Of the run.' }),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Experiment' });

const shown = ({ version: _, ...rest }: Experiment) => rest;

const find = async (...[db, testName]: Parameters<typeof findExperiment>): Promise<Experiment> => {
  const found = await findExperiment(db, testName);
  if (!found) throw new Problem(404, 'There is no such experiment.');
  return found;
};

/** `PUT /v1/experiments/:test_name` */
export const putExperimentRoute = defineRoute({
  method: 'put',
  path: '/v1/experiments/:test_name',
  scope: 'admin',
  summary: 'Define an experiment.',
  description:
    'Answered once every API process honours it. The first cohort is what the report compares the others with. Other cohorts or weights begin a new run: assignments and report begin anew.',
  params,
  body: { schema: definition },
  responses: {
    200: { description: 'It is so in every API process.', schema: experiment },
    409: {
      description: 'It is active with other cohorts or weights; those are fixed until it is made inactive.',
    },
    503: { description: 'It is stored, but some process does not have it yet; ask again.' },
  },
  async handler({ params: { test_name }, body: { cohorts, active } }, { db, experiments }) {
    const stored = await putExperiment(db, { testName: test_name, cohorts, active });
    if (!stored)
      throw new Problem(
        409,
        'The experiment is active, so its cohorts and weights are fixed; make it inactive first.',
      );
    if (!(await experiments.everywhere(stored.version, everywhereMs)))
      throw unavailable('The experiment is stored, but not every API process has it yet; ask again.');
    return { json: shown(stored) };
  },
});

/** `GET /v1/experiments/:test_name` */
export const getExperiment = defineRoute({
  method: 'get',
  path: '/v1/experiments/:test_name',
  scope: 'admin',
  summary: 'The definition of an experiment.',
  params,
  responses: {
    200: { description: 'It.', schema: experiment },
    404: { description: 'There is no such experiment.' },
  },
  async handler({ params: { test_name } }, { db }) {
    return { json: shown(await find(db, test_name)) };
  },
});

const share = z.number().nullable();
/** Its two ends. Not a tuple: zod-openapi writes those as OpenAPI 3.0 did. */
const interval = z.array(z.number()).length(2).nullable();

/** `GET /v1/experiments/:test_name/report` */
export const getExperimentReport = defineRoute({
  method: 'get',
  path: '/v1/experiments/:test_name/report',
  scope: 'admin',
  summary: 'What users of each cohort did.',
  description:
    'Of the newest run. A click or an item bought counts once, for the latest answer of the 24 hours before it that had the product; of purchases only completed ones. Answers are logged some moments after they were given.',
  params,
  responses: {
    200: {
      description: 'The cohorts in the order of the definition.',
      schema: z.object({
        test_name: z.string(),
        active: z.boolean(),
        run: z.int(),
        started_at: z.iso.datetime(),
        cohorts: z.array(
          z.object({
            name: z.string(),
            weight: z.number(),
            users: z.int().meta({ description: 'Who were shown something.' }),
            impressions: z.int().meta({ description: 'Answers.' }),
            clicks: z.int(),
            clicked_impressions: z.int().meta({ description: 'Answers that a click followed.' }),
            ctr: share.meta({ description: '`clicked_impressions` of `impressions`; null without any.' }),
            ctr_interval: interval.meta({
              description:
                '95 %, by Wilson; wider where users had several answers, because those go together.',
            }),
            purchases: z.int().meta({ description: 'Items of completed orders.' }),
            buyers: z.int(),
            conversion: share.meta({ description: '`buyers` of `users`; null without any.' }),
            conversion_interval: interval.meta({ description: '95 %, by Wilson.' }),
            revenue: z.record(z.string(), z.string()).meta({
              description: 'Exact decimals by currency; `?` for products without one.',
            }),
          }),
        ),
        mixed_users: z.int().meta({
          description:
            'Left out: users who were shown several cohorts, as visitors who then signed in may be.',
        }),
        verdict: z.string(),
      }),
    },
    404: { description: 'There is no such experiment.' },
  },
  async handler({ params: { test_name } }, { db }) {
    const found = await find(db, test_name);
    return { json: makeReport(found, await countExperiment(db, found)) };
  },
});
