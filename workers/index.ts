import type { jobs } from '../jobs/index.ts';
import type { Handlers } from '../src/queue/handler.ts';
import { handleApplyRetention } from './apply-retention.ts';
import { handleAssignCohorts } from './assign-cohorts.ts';
import { handleBuildShard } from './build-shard.ts';
import { handleCastVotes } from './cast-votes.ts';
import { handleChangePaymentStatus } from './change-payment-status.ts';
import { handleDeleteReview } from './delete-review.ts';
import { handleEmbedProducts } from './embed-products.ts';
import { handleEraseUser } from './erase-user.ts';
import { handleExportEmbeddings } from './export-embeddings.ts';
import { handleLogRecommendations } from './log-recommendations.ts';
import { handleMergeUsers } from './merge-users.ts';
import { handleModerateReview } from './moderate-review.ts';
import { handlePruneArtifacts } from './prune-artifacts.ts';
import { handlePublishIndex } from './publish-index.ts';
import { handleReconcile } from './reconcile.ts';
import { handleRecordAudit } from './record-audit.ts';
import { handleRecordInteractions } from './record-interactions.ts';
import { handleRecordPurchases } from './record-purchases.ts';
import { handleRefreshAll } from './refresh-all.ts';
import { handleRefreshCatalogue } from './refresh-catalogue.ts';
import { handleRefreshHelpfulCounts } from './refresh-helpful-counts.ts';
import { handleRefreshPopularity } from './refresh-popularity.ts';
import { handleRefreshRatings } from './refresh-ratings.ts';
import { handleRefreshSimilar } from './refresh-similar.ts';
import { handleRefreshUsers } from './refresh-users.ts';
import { handleRefreshVerifiedPurchases } from './refresh-verified-purchases.ts';
import { handleRefreshWords } from './refresh-words.ts';
import { handleRequestLists } from './request-lists.ts';
import { handleRunRebuild } from './run-rebuild.ts';
import { handleSweep } from './sweep.ts';
import { handleTrainModel } from './train-model.ts';
import { handleUpdateCart } from './update-cart.ts';
import { handleUpdateWishlist } from './update-wishlist.ts';
import { handleUpsertCategories } from './upsert-categories.ts';
import { handleUpsertImages } from './upsert-images.ts';
import { handleUpsertProducts } from './upsert-products.ts';
import { handleUpsertReviews } from './upsert-reviews.ts';
import { handleUpsertSessions } from './upsert-sessions.ts';
import { handleUpsertUsers } from './upsert-users.ts';

/** The handler of every job: one that is missing does not compile. */
export const handlers: Handlers<typeof jobs> = {
  applyRetention: handleApplyRetention,
  assignCohorts: handleAssignCohorts,
  buildShard: handleBuildShard,
  castVotes: handleCastVotes,
  changePaymentStatus: handleChangePaymentStatus,
  deleteReview: handleDeleteReview,
  embedProducts: handleEmbedProducts,
  eraseUser: handleEraseUser,
  exportEmbeddings: handleExportEmbeddings,
  logRecommendations: handleLogRecommendations,
  recordAudit: handleRecordAudit,
  mergeUsers: handleMergeUsers,
  moderateReview: handleModerateReview,
  pruneArtifacts: handlePruneArtifacts,
  publishIndex: handlePublishIndex,
  reconcile: handleReconcile,
  recordInteractions: handleRecordInteractions,
  recordPurchases: handleRecordPurchases,
  refreshAll: handleRefreshAll,
  refreshCatalogue: handleRefreshCatalogue,
  refreshHelpfulCounts: handleRefreshHelpfulCounts,
  refreshPopularity: handleRefreshPopularity,
  refreshRatings: handleRefreshRatings,
  refreshUsers: handleRefreshUsers,
  refreshVerifiedPurchases: handleRefreshVerifiedPurchases,
  refreshSimilar: handleRefreshSimilar,
  refreshWords: handleRefreshWords,
  requestLists: handleRequestLists,
  runRebuild: handleRunRebuild,
  sweep: handleSweep,
  trainModel: handleTrainModel,
  updateCart: handleUpdateCart,
  updateWishlist: handleUpdateWishlist,
  upsertCategories: handleUpsertCategories,
  upsertImages: handleUpsertImages,
  upsertProducts: handleUpsertProducts,
  upsertReviews: handleUpsertReviews,
  upsertSessions: handleUpsertSessions,
  upsertUsers: handleUpsertUsers,
};
