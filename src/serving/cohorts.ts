import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What lists are made of. */
export const listType = z.enum(['hybrid', 'collaborative', 'content', 'popular']);

/** A part of a test's users, and what is done differently for them. */
export const cohort = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must match [A-Za-z0-9][A-Za-z0-9_.-]{0,63}'),
  weight: z
    .number()
    .min(0)
    .max(1_000_000)
    .meta({ description: 'Its share of the users, beside those of the others.' }),
  alpha: z.number().min(0).max(1).optional(),
  type: listType.optional(),
  diversity: z.number().min(0).max(1).optional(),
});

export type Cohort = z.output<typeof cohort>;

const buckets = 2 ** 48;

/**
 * The cohort of a user: the same for the same test, cohorts and user, on every machine and for ever; tests are
 * independent of each other. Over many users the cohorts get the shares that their weights say.
 */
export const chooseCohort = (test: string, cohorts: readonly Cohort[], userId: string): Cohort => {
  const hash = createHash('sha256').update(`${test}\n${userId}`).digest().readUIntBE(0, 6);
  const total = cohorts.reduce((sum, { weight }) => sum + weight, 0);
  let left = (hash / buckets) * total;
  for (const one of cohorts) {
    if (left < one.weight) return one;
    left -= one.weight;
  }
  // Rounding may leave a crumb at the end.
  return cohorts.findLast(({ weight }) => weight > 0) as Cohort;
};
