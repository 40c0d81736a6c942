import { refreshCatalogue } from '../jobs/refresh-catalogue.ts';
import { upsertProducts } from '../jobs/upsert-products.ts';
import { applyProducts } from '../src/db/catalog.ts';
import { wakeEmbedding } from '../src/indexing/embed-texts.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

/** What a PUT says where it says nothing. `available` stays as it is. */
const nothing = Object.fromEntries(
  Object.keys(upsertProducts.ops.put?.event.shape ?? {})
    .filter((name) => !['product_id', 'available', 'category_slug', 'category_id'].includes(name))
    .map((name) => [name, null]),
);

export const handleUpsertProducts = applyEvents(upsertProducts, {
  apply: applyProducts,
  wakes: [refreshCatalogue],
  // A price or the stock changes no text.
  afterwards: (context) => wakeEmbedding(context),
  toRow: ({ product_id, op, event_id: _, received_at: __, occurred_at: ___, category_slug, ...fields }) => ({
    product_id,
    whole: op === 'put',
    category_slug,
    fields:
      op === 'delete'
        ? { available: false }
        : {
            ...(op === 'put' ? { ...nothing, category_id: null } : {}),
            ...(category_slug === null ? { category_id: null } : {}),
            ...fields,
          },
  }),
});
