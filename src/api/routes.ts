import { recordInteractions } from '../../jobs/record-interactions.ts';
import { getFailed, getStatus } from './admin.ts';
import { postEvents } from './event-stream.ts';
import { intakeRoute } from './intake.ts';
import { getHealth, getMetrics, getReadiness } from './operations.ts';
import { getEvent, getHistory } from './reads.ts';
import { postReplay } from './replay.ts';
import type { Route } from './route.ts';

/** Every route of the API, the busiest first: Express tries them in this order. */
export const routes: readonly Route[] = [
  intakeRoute(recordInteractions, {
    method: 'post',
    path: '/v1/interactions',
    summary: 'Take one interaction, or an array of up to 1,000.',
    body: 'many',
  }),
  postEvents,
  getEvent,
  getHistory,
  getStatus,
  getFailed,
  postReplay,
  getHealth,
  getReadiness,
  getMetrics,
];
