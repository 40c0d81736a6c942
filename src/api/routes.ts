import { getFailed, getStatus } from './admin.ts';
import { postEvents } from './event-stream.ts';
import { intakeRoutes } from './intake-routes.ts';
import { getHealth, getMetrics, getReadiness } from './operations.ts';
import { getEvent, getHistory } from './reads.ts';
import { postReplay } from './replay.ts';
import type { Route } from './route.ts';

/** Every route of the API, the busiest first: Express tries them in this order. */
export const routes: readonly Route[] = [
  ...intakeRoutes,
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
