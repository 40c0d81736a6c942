import { castVotes } from '../../jobs/cast-votes.ts';
import { changePaymentStatus } from '../../jobs/change-payment-status.ts';
import { deleteReview } from '../../jobs/delete-review.ts';
import { eraseUser } from '../../jobs/erase-user.ts';
import { mergeUsers } from '../../jobs/merge-users.ts';
import { moderateReview } from '../../jobs/moderate-review.ts';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { recordPurchases } from '../../jobs/record-purchases.ts';
import { updateCart } from '../../jobs/update-cart.ts';
import { updateWishlist } from '../../jobs/update-wishlist.ts';
import { upsertCategories } from '../../jobs/upsert-categories.ts';
import { upsertImages } from '../../jobs/upsert-images.ts';
import { upsertProducts } from '../../jobs/upsert-products.ts';
import { upsertReviews } from '../../jobs/upsert-reviews.ts';
import { upsertSessions } from '../../jobs/upsert-sessions.ts';
import { upsertUsers } from '../../jobs/upsert-users.ts';
import type { EventJob } from '../queue/define-job.ts';
import { intakeRoute } from './intake.ts';
import type { Route } from './route.ts';

type Method = Route['method'];

/** Events that come one or many at a time. */
const posted = (job: EventJob, path: string, summary: string): Route =>
  intakeRoute(job, { method: 'post', path, summary, body: 'many' });

/** An event about the one thing its path names. */
const named = (
  method: Method,
  job: EventJob,
  path: string,
  summary: string,
  { op = method as string, body = method === 'delete' ? 'none' : 'one' } = {} as {
    op?: string;
    body?: 'one' | 'none';
  },
): Route => intakeRoute(job, { method, path, summary, op, body });

const product = '/v1/products/:product_id';
const image = `${product}/images/:image_id`;
const vote = '/v1/reviews/:review_id/votes/:user_id';
const cart = '/v1/users/:user_id/cart/:product_id';
const wish = '/v1/users/:user_id/wishlist/:product_id';

/** Every route that takes events of one kind. */
export const intakeRoutes: readonly Route[] = [
  posted(recordInteractions, '/v1/interactions', 'Take one interaction, or an array of up to 1,000.'),
  posted(recordPurchases, '/v1/purchases', 'Take one order, or an array of up to 1,000.'),
  named('patch', changePaymentStatus, '/v1/purchases/:order_id', 'Change the payment status of an order.'),
  posted(upsertReviews, '/v1/reviews', 'Write one review, or an array of up to 1,000.'),
  named('patch', moderateReview, '/v1/reviews/:review_id', 'Approve a review, or no longer.'),
  named('delete', deleteReview, '/v1/reviews/:review_id', 'Delete a review and its votes.'),
  named('put', castVotes, vote, 'Vote for a review as helpful.', { body: 'none' }),
  named('delete', castVotes, vote, 'Take the vote back.'),
  named('put', upsertProducts, product, 'Write a product, replacing all of it but an absent `available`.'),
  named('patch', upsertProducts, product, 'Edit the fields of a product that are given.'),
  named('delete', upsertProducts, product, 'Hide a product; it is not served until it is shown again.'),
  named('put', upsertImages, image, 'Write an image of a product.'),
  named('delete', upsertImages, image, 'Delete an image of a product.'),
  named('put', upsertCategories, '/v1/categories/:slug', 'Write a category.'),
  named('put', upsertUsers, '/v1/users/:user_id', 'Write what is known of a user; absent fields stay.'),
  named('post', mergeUsers, '/v1/users/:user_id/merge', 'Make an anonymous visitor one with this user.', {
    op: 'merge',
  }),
  named('delete', eraseUser, '/v1/users/:user_id', 'Forget a person for good.'),
  named(
    'put',
    upsertSessions,
    '/v1/sessions/:session_id',
    'Write what is known of a session; absent fields stay.',
  ),
  named('put', updateCart, cart, 'Write a cart line.'),
  named('delete', updateCart, cart, 'Remove a cart line.'),
  named('put', updateWishlist, wish, 'Write a wishlist line.', { body: 'none' }),
  named('delete', updateWishlist, wish, 'Remove a wishlist line.'),
];
