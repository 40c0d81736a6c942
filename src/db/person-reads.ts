import type { Db } from './database.ts';
import { before, type OwnedLine, type OwnLines, ownLines, type Page } from './own-lines.ts';

export interface UserRow {
  /** Of the person, where the id was that of a merged visitor. */
  user_id: string;
  email: string | null;
  username: string | null;
  profile: Record<string, unknown> | null;
  is_anonymous: boolean;
  is_active: boolean;
  created_at: string;
  last_seen_at: string | null;
}

/** A user. Never the password hash. */
export const findUser = async (db: Db, userId: string): Promise<UserRow | undefined> => {
  const [found] = await db<UserRow>`
    select user_id, email, username, profile, is_anonymous, is_active, created_at, last_seen_at
    from users
    where user_id = user_behind(${userId})`;
  return found;
};

export interface CartLine {
  product_id: string;
  quantity: number;
  added_at: string;
  updated_at: string;
}

/** Cart lines, the newest first. */
export const listCart = async (db: Db, { userId, after, limit }: Page): Promise<OwnLines<CartLine>> =>
  ownLines(
    await db<OwnedLine<CartLine>>`
      select u.user_id, l.id, l.product_id, l.quantity, l.added_at, l.updated_at
      from users u
      left join lateral (
        select id, product_id, quantity, added_at, updated_at
        from user_cart
        where user_id = u.user_id and ${before(db, db.fragment`added_at`, after)}
        order by added_at desc, id desc
        limit ${limit}
      ) l on true
      where u.user_id = user_behind(${userId})
      order by l.added_at desc, l.id desc`,
  );

export interface WishlistLine {
  product_id: string;
  added_at: string;
}

/** Wishlist lines, the newest first. */
export const listWishlist = async (db: Db, { userId, after, limit }: Page): Promise<OwnLines<WishlistLine>> =>
  ownLines(
    await db<OwnedLine<WishlistLine>>`
      select u.user_id, l.id, l.product_id, l.added_at
      from users u
      left join lateral (
        select id, product_id, added_at
        from user_wishlist
        where user_id = u.user_id and ${before(db, db.fragment`added_at`, after)}
        order by added_at desc, id desc
        limit ${limit}
      ) l on true
      where u.user_id = user_behind(${userId})
      order by l.added_at desc, l.id desc`,
  );

export interface PurchaseLine {
  order_id: string | null;
  product_id: string;
  quantity: number;
  unit_price: string;
  total_price: string;
  payment_method: string | null;
  payment_status: string | null;
  purchased_at: string;
}

/** What a person bought, a line per item of an order, the newest first. */
export const listPurchases = async (
  db: Db,
  { userId, after, limit }: Page,
): Promise<OwnLines<PurchaseLine>> =>
  ownLines(
    await db<OwnedLine<PurchaseLine>>`
      select u.user_id, l.id, l.order_id, l.product_id, l.quantity, l.unit_price, l.total_price, l.payment_method,
        l.payment_status, l.purchased_at
      from users u
      left join lateral (
        select id, order_id, product_id, quantity, unit_price, total_price, payment_method, payment_status, purchased_at
        from purchase_history
        where user_id = u.user_id and ${before(db, db.fragment`purchased_at`, after)}
        order by purchased_at desc, id desc
        limit ${limit}
      ) l on true
      where u.user_id = user_behind(${userId})
      order by l.purchased_at desc, l.id desc`,
  );
