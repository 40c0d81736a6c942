import { upsertCategories } from '../jobs/upsert-categories.ts';
import { applyCategories } from '../src/db/catalog.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpsertCategories = applyEvents(upsertCategories, {
  apply: applyCategories,
  // Each is judged against the tree that the one before it left.
  batchSize: 1,
});
