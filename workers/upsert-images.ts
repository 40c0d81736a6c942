import { upsertImages } from '../jobs/upsert-images.ts';
import { applyImages } from '../src/db/catalog.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpsertImages = applyEvents(upsertImages, {
  apply: applyImages,
  toRow: ({ event_id, image_id, product_id, op, ...fields }) => ({
    event_id,
    image_id,
    product_id,
    op,
    fields,
  }),
});
