import type { jobs } from '../jobs/index.ts';
import type { Handlers } from '../src/queue/handler.ts';
import { handleApplyRetention } from './apply-retention.ts';
import { handleCastVotes } from './cast-votes.ts';
import { handleChangePaymentStatus } from './change-payment-status.ts';
import { handleDeleteReview } from './delete-review.ts';
import { handleEraseUser } from './erase-user.ts';
import { handleMergeUsers } from './merge-users.ts';
import { handleModerateReview } from './moderate-review.ts';
import { handleReconcile } from './reconcile.ts';
import { handleRecordInteractions } from './record-interactions.ts';
import { handleRecordPurchases } from './record-purchases.ts';
import { handleRefreshHelpfulCounts } from './refresh-helpful-counts.ts';
import { handleRefreshPopularity } from './refresh-popularity.ts';
import { handleRefreshRatings } from './refresh-ratings.ts';
import { handleRefreshVerifiedPurchases } from './refresh-verified-purchases.ts';
import { handleSweep } from './sweep.ts';
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
  castVotes: handleCastVotes,
  changePaymentStatus: handleChangePaymentStatus,
  deleteReview: handleDeleteReview,
  eraseUser: handleEraseUser,
  mergeUsers: handleMergeUsers,
  moderateReview: handleModerateReview,
  reconcile: handleReconcile,
  recordInteractions: handleRecordInteractions,
  recordPurchases: handleRecordPurchases,
  refreshHelpfulCounts: handleRefreshHelpfulCounts,
  refreshPopularity: handleRefreshPopularity,
  refreshRatings: handleRefreshRatings,
  refreshVerifiedPurchases: handleRefreshVerifiedPurchases,
  sweep: handleSweep,
  updateCart: handleUpdateCart,
  updateWishlist: handleUpdateWishlist,
  upsertCategories: handleUpsertCategories,
  upsertImages: handleUpsertImages,
  upsertProducts: handleUpsertProducts,
  upsertReviews: handleUpsertReviews,
  upsertSessions: handleUpsertSessions,
  upsertUsers: handleUpsertUsers,
};
