import { getFailed, getStatus } from './admin.ts';
import { getAudit } from './audit-log.ts';
import { getCategories, getPopular, getProduct, getProductReviews } from './catalog-reads.ts';
import { postEvents } from './event-stream.ts';
import { intakeRoutes } from './intake-routes.ts';
import { getHealth, getMetrics, getReadiness } from './operations.ts';
import { getCart, getHistory, getPurchases, getUser, getWishlist } from './person-reads.ts';
import { getEvent } from './reads.ts';
import { postReplay } from './replay.ts';
import type { Route } from './route.ts';

/** Every route of the API, the busiest first: Express tries them in this order. */
export const routes: readonly Route[] = [
  ...intakeRoutes,
  postEvents,
  getEvent,
  getProduct,
  getProductReviews,
  getCategories,
  getPopular,
  getUser,
  getHistory,
  getCart,
  getWishlist,
  getPurchases,
  getStatus,
  getFailed,
  postReplay,
  getAudit,
  getHealth,
  getReadiness,
  getMetrics,
];
