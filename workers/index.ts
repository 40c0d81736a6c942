import type { jobs } from '../jobs/index.ts';
import type { Handlers } from '../src/queue/handler.ts';
import { handleRecordInteractions } from './record-interactions.ts';
import { handleRefreshPopularity } from './refresh-popularity.ts';
import { handleSweep } from './sweep.ts';

/** The handler of every job: one that is missing does not compile. */
export const handlers: Handlers<typeof jobs> = {
  recordInteractions: handleRecordInteractions,
  refreshPopularity: handleRefreshPopularity,
  sweep: handleSweep,
};
