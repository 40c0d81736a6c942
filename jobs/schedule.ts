import type { Scheduled } from '../src/queue/start-scheduler.ts';
import { applyRetention } from './apply-retention.ts';
import { embedProducts } from './embed-products.ts';
import { exportEmbeddings } from './export-embeddings.ts';
import { pruneArtifacts } from './prune-artifacts.ts';
import { publishIndex } from './publish-index.ts';
import { reconcile } from './reconcile.ts';
import { refreshAll } from './refresh-all.ts';
import { runRebuild } from './run-rebuild.ts';
import { sweep } from './sweep.ts';
import { trainModel } from './train-model.ts';

/** What the scheduler enqueues and when. Each time is one job, however many schedulers run. */
export const schedule: readonly Scheduled[] = [
  { job: sweep, cron: '*/5 * * * * *', payload: {} },
  { job: applyRetention, cron: '0 10 2 * * *', payload: {} },
  { job: reconcile, cron: '0 10 3 * * *', payload: {} },
  // Finds out whether a better model has come.
  { job: embedProducts, cron: '30 * * * * *', payload: {} },
  { job: publishIndex, cron: '*/10 * * * * *', payload: {} },
  { job: publishIndex, cron: '5 40 2 * * *', payload: { fold: true } },
  { job: exportEmbeddings, cron: '45 * * * * *', payload: { small: true } },
  { job: exportEmbeddings, cron: '0 10 4 * * *', payload: {} },
  { job: pruneArtifacts, cron: '15 */5 * * * *', payload: {} },
  { job: trainModel, cron: '*/15 * * * * *', payload: { ifGrown: true } },
  { job: trainModel, cron: '0 20 3 * * *', payload: {} },
  { job: refreshAll, cron: '10,30,50 * * * * *', payload: { ifStale: true } },
  { job: refreshAll, cron: '0 40 4 * * *', payload: {} },
  { job: runRebuild, cron: '20 * * * * *', payload: {} },
];
