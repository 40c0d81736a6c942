import type { Db } from './database.ts';

export type PopularityWindow = '1d' | '7d' | '30d';

export interface PopularRow {
  product_id: string;
  /** Weighted events as of now, each counting half as much for every window it is old. */
  score: number;
  /** As `product_card` gives it, when asked for. */
  product: Record<string, unknown> | null;
}

/** So many of the most popular are looked through for those of a category before the category itself is. */
const lookThrough = 2_000;

/** What product_popularity keeps is seen from 2020 on and as a logarithm; too small a number would be an error. */
const scores = (db: Db) => {
  const asOfNow = (days: number, column: ReturnType<Db['fragment']>) => db.fragment`
    exp(least(greatest(${column}
      - extract(epoch from now() - timestamptz '2020-01-01 00:00Z')::float8 / 86400 / ${days}::float8 * ln(2.0::float8),
      -700), 700))`;
  const columns = {
    '1d': db.fragment`score_1d`,
    '7d': db.fragment`score_7d`,
    '30d': db.fragment`score_30d`,
  };
  return { columns, asOfNow };
};

const days = { '1d': 1, '7d': 7, '30d': 30 } as const;

/** The most popular available products of the whole shop. */
export const listPopular = (
  db: Db,
  { window, limit, expand }: { window: PopularityWindow; limit: number; expand: boolean },
) => {
  const { columns, asOfNow } = scores(db);
  return db<PopularRow>`
    select product_id, ${asOfNow(days[window], db.fragment`best.log_score`)} as score,
      case when ${expand} then product_card(product_id) end as product
    from (
      select pp.product_id, pp.${columns[window]} as log_score
      from product_popularity pp
      join products p using (product_id)
      where p.available
      order by pp.${columns[window]} desc, pp.product_id
      limit ${limit}
    ) best
    order by log_score desc, product_id`;
};

/**
 * The same within a category and all below it; undefined when there is no such category. The top of the shop usually
 * has enough of them; if not, the category's own products are looked at, which then are few or unpopular.
 */
export const listPopularIn = async (
  db: Db,
  {
    category,
    window,
    limit,
    expand,
  }: { category: string; window: PopularityWindow; limit: number; expand: boolean },
): Promise<PopularRow[] | undefined> => {
  const { columns, asOfNow } = scores(db);
  // `limit 1` and `offset 0` keep the planner from joining whole tables: it knows nothing of the categories wanted.
  const rows = await db<PopularRow | { product_id: null }>`
    with wanted as materialized (select categories_within(${category}) as ids),
    top as materialized (
      select pp.product_id, pp.${columns[window]} as log_score
      from product_popularity pp
      order by pp.${columns[window]} desc, pp.product_id
      limit ${lookThrough}
    ),
    among_top as materialized (
      select t.product_id, t.log_score
      from top t
      cross join lateral (
        select available, category_id from products where product_id = t.product_id limit 1
      ) p
      where p.available and p.category_id = any((select ids from wanted)::integer[])
      order by t.log_score desc, t.product_id
      limit ${limit}
    ),
    best as (
      select product_id, log_score from among_top where (select count(*) from among_top) = ${limit}
      union all
      (
        select p.product_id, pp.log_score
        from (
          select product_id from products
          where (select count(*) from among_top) < ${limit}
            and available and category_id = any((select ids from wanted)::integer[])
          offset 0
        ) p
        cross join lateral (
          select ${columns[window]} as log_score from product_popularity where product_id = p.product_id limit 1
        ) pp
        order by 2 desc, 1
        limit ${limit}
      )
    )
    select b.product_id, ${asOfNow(days[window], db.fragment`b.log_score`)} as score,
      case when ${expand} then product_card(b.product_id) end as product
    from wanted
    left join best b on true
    where cardinality(ids) > 0
    order by b.log_score desc, b.product_id`;
  if (rows.length === 0) return undefined;
  return rows.filter((row): row is PopularRow => row.product_id !== null);
};
