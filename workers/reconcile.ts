import type { reconcile as job } from '../jobs/reconcile.ts';
import type { Handler } from '../src/queue/handler.ts';
import { reconcile } from '../src/reconcile.ts';

export const handleReconcile: Handler<typeof job> = async (_, context, { log, signal }) => {
  for (const { name, differed, examples } of await reconcile(context, { dryRun: false, signal })) {
    if (differed > 0)
      log.warn({ aggregate: name, differed, examples, msg: 'aggregate differed from a recount' });
  }
};
