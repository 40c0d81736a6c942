import type { refreshCatalogue } from '../jobs/refresh-catalogue.ts';
import { refreshWords } from '../jobs/refresh-words.ts';
import { announceProducts } from '../src/db/serving.ts';
import { followUp, wake } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';
import { appendChange } from '../src/serving/changes.ts';

/** Stands for the tree of categories among the products' ids. */
const theTree = '00000000-0000-0000-0000-000000000000';

export const handleRefreshCatalogue: Handler<typeof refreshCatalogue> = followUp(
  'catalogue',
  async (keys, { db, cache, config, producer }) => {
    const ids = keys.map(({ key }) => key);
    if (ids.includes(theTree)) await appendChange(cache, config.REDIS_PREFIX, { kind: 'categories' });
    const { version, facts } = await announceProducts(db, ids);
    if (facts.length === 0) return;
    await appendChange(cache, config.REDIS_PREFIX, { kind: 'products', version, facts });
    wake(producer, refreshWords).catch(() => {}); // The sweep asks again.
  },
);
