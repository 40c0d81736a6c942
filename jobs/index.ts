import type { EventJob, FollowUp } from '../src/queue/define-job.ts';
import { applyRetention } from './apply-retention.ts';
import { assignCohorts } from './assign-cohorts.ts';
import { buildShard } from './build-shard.ts';
import { castVotes } from './cast-votes.ts';
import { changePaymentStatus } from './change-payment-status.ts';
import { deleteReview } from './delete-review.ts';
import { embedProducts } from './embed-products.ts';
import { eraseUser } from './erase-user.ts';
import { exportEmbeddings } from './export-embeddings.ts';
import { logRecommendations } from './log-recommendations.ts';
import { mergeUsers } from './merge-users.ts';
import { moderateReview } from './moderate-review.ts';
import { pruneArtifacts } from './prune-artifacts.ts';
import { publishIndex } from './publish-index.ts';
import { reconcile } from './reconcile.ts';
import { recordAudit } from './record-audit.ts';
import { recordInteractions } from './record-interactions.ts';
import { recordPurchases } from './record-purchases.ts';
import { refreshAll } from './refresh-all.ts';
import { refreshCatalogue } from './refresh-catalogue.ts';
import { refreshHelpfulCounts } from './refresh-helpful-counts.ts';
import { refreshPopularity } from './refresh-popularity.ts';
import { refreshRatings } from './refresh-ratings.ts';
import { refreshSimilar } from './refresh-similar.ts';
import { refreshUsers } from './refresh-users.ts';
import { refreshVerifiedPurchases } from './refresh-verified-purchases.ts';
import { refreshWords } from './refresh-words.ts';
import { requestLists } from './request-lists.ts';
import { runRebuild } from './run-rebuild.ts';
import { sweep } from './sweep.ts';
import { trainModel } from './train-model.ts';
import { updateCart } from './update-cart.ts';
import { updateWishlist } from './update-wishlist.ts';
import { upsertCategories } from './upsert-categories.ts';
import { upsertImages } from './upsert-images.ts';
import { upsertProducts } from './upsert-products.ts';
import { upsertReviews } from './upsert-reviews.ts';
import { upsertSessions } from './upsert-sessions.ts';
import { upsertUsers } from './upsert-users.ts';

/** The jobs that carry events. */
const carriers = {
  recordInteractions,
  recordPurchases,
  changePaymentStatus,
  upsertReviews,
  moderateReview,
  deleteReview,
  castVotes,
  upsertProducts,
  upsertCategories,
  upsertImages,
  upsertUsers,
  mergeUsers,
  eraseUser,
  upsertSessions,
  updateCart,
  updateWishlist,
};

/** The jobs that bring up to date what events made stale. */
const refreshers = {
  refreshUsers,
  refreshRatings,
  refreshHelpfulCounts,
  refreshVerifiedPurchases,
  refreshPopularity,
  embedProducts,
  refreshCatalogue,
  refreshWords,
  refreshSimilar,
};

/** Every job of the system. `workers/index.ts` has a handler for each, or does not compile. */
export const jobs = {
  ...carriers,
  ...refreshers,
  buildShard,
  publishIndex,
  exportEmbeddings,
  pruneArtifacts,
  runRebuild,
  trainModel,
  refreshAll,
  requestLists,
  assignCohorts,
  logRecommendations,
  recordAudit,
  sweep,
  reconcile,
  applyRetention,
};

export const eventJobs: readonly EventJob[] = Object.values(carriers);

export const followUps: readonly FollowUp[] = Object.values(refreshers);
