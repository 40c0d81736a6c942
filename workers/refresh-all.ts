import type { refreshAll } from '../jobs/refresh-all.ts';
import { markAllSimilar } from '../src/db/serving.ts';
import { RetryableError } from '../src/errors.ts';
import type { Handler } from '../src/queue/handler.ts';
import { refreshEveryList } from '../src/serving/every-list.ts';
import type { ListBasis } from '../src/serving/list-maker.ts';

/** An index grown by more than this makes other lists. */
const growth = 1.2;

const isStale = (now: ListBasis, then: ListBasis | undefined): boolean =>
  then === undefined ||
  now.model !== then.model ||
  now.index !== then.index ||
  now.products > growth * then.products;

/**
 * How far a pass has come, and what the lists were made with last, stands beside the lists in the cache Redis: a job that
 * was interrupted goes on, and where the lists are gone that is, too.
 */
export const handleRefreshAll: Handler<typeof refreshAll> = async ({ ifStale }, context, run) => {
  const { cache, config, db, lists } = context;
  const key = `${config.REDIS_PREFIX}:lists`;
  const basis = await lists.basis();
  if (basis.model === 0 && basis.index === '') return;
  const [made, of, place] = await cache.hmget(key, 'made', 'of', 'place');
  const text = JSON.stringify(basis);
  if (ifStale && made && !isStale(basis, JSON.parse(made) as ListBasis)) return;
  const began = performance.now();
  let users = 0;
  await refreshEveryList(context, of === text ? (place ?? null) : null, async (more, last) => {
    users += more;
    context.metrics.listsMade.inc({ why: 'all' }, more);
    await cache.hset(key, { of: text, place: last });
    if (run.signal.aborted) throw new RetryableError('the refresh was stopped; it goes on with the next try');
  });
  // The cache was lost, and the lists of similar products with it.
  if (!made) await markAllSimilar(db);
  await cache.hset(key, { made: text });
  await cache.hdel(key, 'of', 'place');
  run.log.info({ users, ms: Math.round(performance.now() - began), ...basis, msg: 'made every list' });
};
