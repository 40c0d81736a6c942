import { refreshCatalogue } from '../jobs/refresh-catalogue.ts';
import { upsertCategories } from '../jobs/upsert-categories.ts';
import { applyCategories } from '../src/db/catalog.ts';
import { wakeEmbedding } from '../src/indexing/embed-texts.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpsertCategories = applyEvents(upsertCategories, {
  apply: applyCategories,
  wakes: [refreshCatalogue],
  afterwards: (context) => wakeEmbedding(context),
  // Each is judged against the tree that the one before it left.
  batchSize: 1,
});
