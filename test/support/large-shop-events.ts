import { v7 as uuidv7 } from 'uuid';
import { id, large } from './large-shop.ts';

/** What an event of each job looks like, by a number that is another one each time. */
export const events: Record<string, (n: number) => Record<string, unknown>> = {
  'record-interactions': (n) => ({
    user_id: id('user', n % 2 ? n * 3 : large.users + n),
    product_id: id('product', n * 7),
    session_id: id('session', n % 2 ? n : 500_000 + n),
    event_type: 'view',
  }),
  'record-purchases': (n) => ({
    user_id: id('user', n % 7_000),
    order_id: uuidv7(),
    items: [
      { product_id: id('product', n), quantity: 1, unit_price: '10.00' },
      { product_id: id('product', n + 1), quantity: 2, unit_price: '1.50' },
    ],
  }),
  'change-payment-status': (n) => ({ order_id: id('order', n), payment_status: 'refunded' }),
  'upsert-reviews': (n) => ({
    user_id: id('user', n),
    product_id: id('product', n + 3),
    rating: 4,
    comment: 'Good.',
  }),
  'moderate-review': (n) => ({ review_id: id('review', n), is_approved: n % 2 === 0 }),
  'delete-review': (n) => ({ review_id: id('review', n + 3_000) }),
  'cast-votes': (n) => ({
    op: n % 5 ? 'put' : 'delete',
    review_id: id(n % 3 ? 'review' : 'old review', n),
    user_id: id('user', n * 2),
  }),
  'upsert-products': (n) =>
    n % 3 === 0
      ? { op: 'patch', product_id: id('product', n), price: '5.00', sku: `sku-${n}-new` }
      : n % 3 === 1
        ? {
            op: 'put',
            product_id: id('product', large.products + n),
            name: 'New',
            category_slug: 'category-7',
            sku: `sku-x${n}`,
          }
        : { op: 'delete', product_id: id('product', n) },
  'upsert-categories': (n) => ({
    slug: `category-${21 + (n % 400)}`,
    name: 'Renamed',
    parent_slug: 'category-500',
  }),
  'upsert-images': (n) => ({
    op: n % 4 ? 'put' : 'delete',
    product_id: id('product', n),
    image_id: id('image', n),
    ...(n % 4 && { s3_key: 'key', is_primary: true }),
  }),
  'upsert-users': (n) => ({
    user_id: id('user', n * 2),
    email: `new-${n}@example.org`,
    username: `new-${n}`,
  }),
  'upsert-sessions': (n) => ({ session_id: id('session', n * 2), user_id: id('user', n), ended_at: null }),
  'update-cart': (n) => ({
    op: n % 4 ? 'put' : 'delete',
    user_id: id('user', n),
    product_id: id('product', n * 11),
    ...(n % 4 && { quantity: 2 }),
  }),
  'update-wishlist': (n) => ({
    op: n % 4 ? 'put' : 'delete',
    user_id: id('user', n),
    product_id: id('product', n * 17),
  }),
  // Of the busy ones.
  'merge-users': (n) => ({ user_id: id('user', 2_000 + n), from_user_id: id('user', 1_000 + n) }),
  'erase-user': (n) => ({ user_id: id('user', 200 + n) }),
};
/** Their statements take one event. */
export const oneByOne = new Set(['merge-users', 'erase-user']);
