import type { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { refreshProductPopularity } from '../src/db/popularity.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshPopularity: Handler<typeof refreshPopularity> = followUp(
  'popularity',
  (products, { db, config }) => refreshProductPopularity(db, products, config.EVENT_WEIGHTS),
  // Each recount reads all that ever happened to a product. In a large shop it must not take the machine for itself.
  { share: 0.1 },
);
