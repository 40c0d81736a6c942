import {
  refreshProductRatings,
  refreshReviewHelpfulCounts,
  refreshReviewVerifiedPurchases,
} from './aggregates.ts';
import type { Db } from './database.ts';
import type { DirtyKey } from './dirty-keys.ts';
import { type EventWeights, refreshProductPopularity } from './popularity.ts';

/** What a batch of rows was found to be like. */
export interface Looked {
  checked: number;
  /** The last key of the batch; null when there were none. */
  last: string | null;
  /** Keys whose column does not say what its rows say. */
  wrong: DirtyKey[];
}

/** A column or rule that follows from other rows. */
export interface Aggregate {
  name: string;
  /** Compare the next `limit` rows after `after`, in the order of their keys, with a recount. */
  look(db: Db, after: string | undefined, limit: number, weights: EventWeights): Promise<Looked>;
  /** Count these anew and write it. */
  repair(db: Db, wrong: readonly DirtyKey[], weights: EventWeights): Promise<unknown>;
}

const one = async (rows: Promise<Looked[]>): Promise<Looked> => {
  const [looked] = await rows;
  if (!looked) throw new Error('an aggregate always has one row');
  return looked;
};

const beyond = (db: Db, column: ReturnType<Db['fragment']>, after: string | undefined) =>
  after === undefined ? db.fragment`true` : db.fragment`${column} > ${after}::uuid`;

/**
 * Every aggregate. What is marked as stale is left to its follow-up: it is not wrong, only not counted yet. The marks
 * and the rows are seen by one statement, so a mark is never missed.
 */
export const aggregates: readonly Aggregate[] = [
  {
    name: 'products.rating',
    look: (db, after, limit) =>
      one(db<Looked>`
        with batch as materialized (
          select product_id, rating from products where ${beyond(db, db.fragment`product_id`, after)}
          order by product_id limit ${limit}
        ),
        stale as materialized (select key from stale_keys where kind = 'rating'),
        judged as materialized (
          select b.product_id, b.rating is distinct from (
              select coalesce(round(avg(r.rating), 1), 0.0) from reviews r where r.product_id = b.product_id and r.is_approved)
            and b.product_id not in (select key from stale) as wrong
          from batch b
        )
        select count(*)::integer as checked, (array_agg(product_id order by product_id desc))[1] as last,
          coalesce(json_agg(json_build_object('key', product_id)) filter (where wrong), '[]') as wrong
        from judged`),
    repair: refreshProductRatings,
  },
  {
    name: 'reviews.helpful_count',
    look: (db, after, limit) =>
      one(db<Looked>`
        with batch as materialized (
          select review_id, helpful_count from reviews where ${beyond(db, db.fragment`review_id`, after)}
          order by review_id limit ${limit}
        ),
        stale as materialized (select key from stale_keys where kind = 'helpful'),
        judged as materialized (
          select b.review_id, b.helpful_count <> (
              select count(*) from review_helpful_votes v where v.review_id = b.review_id)
            and b.review_id not in (select key from stale) as wrong
          from batch b
        )
        select count(*)::integer as checked, (array_agg(review_id order by review_id desc))[1] as last,
          coalesce(json_agg(json_build_object('key', review_id)) filter (where wrong), '[]') as wrong
        from judged`),
    repair: refreshReviewHelpfulCounts,
  },
  {
    name: 'reviews.verified_purchase',
    look: (db, after, limit) =>
      one(db<Looked>`
        with batch as materialized (
          select review_id, user_id, product_id, verified_purchase from reviews
          where ${beyond(db, db.fragment`review_id`, after)}
          order by review_id limit ${limit}
        ),
        stale as materialized (select key, other from stale_keys where kind = 'verified'),
        judged as materialized (
          select b.review_id, b.user_id, b.product_id, b.verified_purchase <> exists (
              select from purchase_history h
              where h.user_id = b.user_id and h.product_id = b.product_id and h.payment_status = 'completed')
            and (b.user_id, b.product_id) not in (select key, other from stale) as wrong
          from batch b
        )
        select count(*)::integer as checked, (array_agg(review_id order by review_id desc))[1] as last,
          coalesce(json_agg(json_build_object('key', user_id, 'other', product_id)) filter (where wrong), '[]') as wrong
        from judged`),
    repair: refreshReviewVerifiedPurchases,
  },
  {
    name: 'product_popularity',
    look: (db, after, limit, weights) =>
      one(db<Looked>`
        with batch as materialized (
          select product_id from products where ${beyond(db, db.fragment`product_id`, after)}
          order by product_id limit ${limit}
        ),
        stale as materialized (select key from stale_keys where kind = 'popularity'),
        counted as materialized (
          select product_id, score_1d, score_7d, score_30d
          from count_popularity(array(select product_id from batch), ${JSON.stringify(weights)}::text::jsonb)
        ),
        judged as materialized (
          select b.product_id, not coalesce(
              c.product_id is null and p.product_id is null
              -- The sums may be added up in another order.
              or abs(c.score_1d - p.score_1d) < 1e-6 and abs(c.score_7d - p.score_7d) < 1e-6
                and abs(c.score_30d - p.score_30d) < 1e-6, false)
            and b.product_id not in (select key from stale) as wrong
          from batch b
          left join counted c using (product_id)
          left join lateral (
            select product_id, score_1d, score_7d, score_30d from product_popularity
            where product_id = b.product_id
            limit 1
          ) p on true
        )
        select count(*)::integer as checked, (array_agg(product_id order by product_id desc))[1] as last,
          coalesce(json_agg(json_build_object('key', product_id)) filter (where wrong), '[]') as wrong
        from judged`),
    repair: refreshProductPopularity,
  },
  {
    name: 'product_images.is_primary',
    look: (db, after, limit) =>
      one(db<Looked>`
        with batch as materialized (
          select distinct product_id from product_images where ${beyond(db, db.fragment`product_id`, after)}
          order by product_id limit ${limit}
        ),
        judged as materialized (
          select b.product_id, (
            select count(*) > 1 from product_images i where i.product_id = b.product_id and i.is_primary) as wrong
          from batch b
        )
        select count(*)::integer as checked, (array_agg(product_id order by product_id desc))[1] as last,
          coalesce(json_agg(json_build_object('key', product_id)) filter (where wrong), '[]') as wrong
        from judged`),
    repair: (db, wrong) => db`select choose_primary_images(${wrong.map(({ key }) => key)}::uuid[])`,
  },
];
