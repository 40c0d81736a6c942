import { getFailed, getStatus } from './admin.ts';
import { getAudit } from './audit-log.ts';
import { getCategories, getPopular, getProduct, getProductReviews } from './catalog-reads.ts';
import { postEvents } from './event-stream.ts';
import { getExperiment, getExperimentReport, putExperimentRoute } from './experiments.ts';
import { intakeRoutes } from './intake-routes.ts';
import { getHealth, getMetrics, getReadiness } from './operations.ts';
import { getCart, getHistory, getPurchases, getUser, getWishlist } from './person-reads.ts';
import { getEvent } from './reads.ts';
import { getRebuild, postRebuild } from './rebuild.ts';
import { getRecommendations } from './recommendations.ts';
import { postReplay } from './replay.ts';
import type { Route } from './route.ts';
import { getSearch } from './search.ts';
import { getSimilar } from './similar.ts';

/** Every route of the API, the busiest first: Express tries them in this order. */
export const routes: readonly Route[] = [
  getRecommendations,
  ...intakeRoutes,
  postEvents,
  getEvent,
  getSimilar,
  getSearch,
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
  postRebuild,
  getRebuild,
  putExperimentRoute,
  getExperiment,
  getExperimentReport,
  getAudit,
  getHealth,
  getReadiness,
  getMetrics,
];
