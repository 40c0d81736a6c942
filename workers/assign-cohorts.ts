import type { assignCohorts } from '../jobs/assign-cohorts.ts';
import { insertAssignments } from '../src/db/experiments.ts';
import type { Handler } from '../src/queue/handler.ts';
import { pepperOf } from '../src/queue/secrets.ts';

export const handleAssignCohorts: Handler<typeof assignCohorts> = async ({ assignments }, { db, config }) => {
  await insertAssignments(db, assignments, pepperOf(config));
};
