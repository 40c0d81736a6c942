import type { Db } from './database.ts';

/** Shares of the products whose text awaits its vector, and the marks that were seen for each. */
interface StaleProduct {
  key: string;
  seen: number[];
}

/**
 * Some of the products whose text may have changed. A fifth are those changed last, so that an edit does not wait behind
 * an import of everything; most come from a random place, so that several workers seldom take the same ones; some are the
 * oldest, so that none waits for ever.
 */
export const listStaleTexts = (db: Db, size: number) => db<StaleProduct>`
  with bounds as (
    select (select min(id) from dirty_keys where kind = 'embedding') as low,
      (select max(id) from dirty_keys where kind = 'embedding') as high
  ),
  start as materialized (select low + floor(random() * (high - low))::bigint as id from bounds),
  picked as (
    (select id, key from dirty_keys where kind = 'embedding' order by id desc limit ${Math.ceil(size / 5)})
    union
    (select id, key from dirty_keys where kind = 'embedding' order by id limit ${Math.ceil(size / 5)})
    union
    (select id, key from dirty_keys where kind = 'embedding' and id >= (select id from start)
      order by id limit ${Math.floor((size * 3) / 5)})
  )
  select key, array_agg(id) as seen from picked group by key order by key`;

export interface ProductText {
  product_id: string;
  body: string;
  /** Of the body. */
  hash: Uint8Array;
}

/** Of these products those whose text has no vector of the model, or all with `anyway`. */
export const listUnembedded = (
  db: Db,
  { ids, model, anyway = false }: { ids: readonly string[]; model: string; anyway?: boolean },
) => db<ProductText>`
  select product_id, body, hash from list_unembedded(${ids}::uuid[], ${model}, ${anyway}) order by product_id`;

/** The vectors of some texts, row by row, each product's bucket beside it. */
export interface NewVectors {
  model: string;
  dim: number;
  texts: readonly ProductText[];
  buckets: readonly number[];
  vectors: Float32Array;
}

/** Store vectors, but for those whose text is another by now; how many were stored. */
export const storeVectors = async (
  db: Db,
  { model, dim, texts, buckets, vectors }: NewVectors,
): Promise<number> => {
  const hashes = Buffer.concat(texts.map(({ hash }) => hash));
  const bytes = Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength);
  const [row] = await db<{ stored: number }>`
    select store_vectors(${model}, ${dim}, ${texts.map(({ product_id }) => product_id)}::uuid[],
      ${buckets}::smallint[], ${hashes}, ${bytes}) as stored`;
  return row?.stored ?? 0;
};

/** Mark products that have no vector of this model, as long as none is marked; how many it were, at most `limit`. */
export const markUnembedded = async (db: Db, model: string, limit: number): Promise<number> => {
  const [row] = await db<{ marked: number }>`
    with missing as (
      insert into dirty_keys (kind, key)
      select 'embedding', p.product_id
      from products p
      where not exists (select from dirty_keys d where d.kind = 'embedding')
        and not exists (select from product_vectors v where v.product_id = p.product_id and v.model = ${model})
      limit ${limit}
      returning 1
    )
    select count(*)::integer as marked from missing`;
  return row?.marked ?? 0;
};

/** The next products by id, for walking through all of them. */
export const listProductIds = (db: Db, after: string | null, limit: number) => db<{ product_id: string }>`
  select product_id from products
  where product_id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid
  order by product_id limit ${limit}`;

export const countProducts = async (db: Db): Promise<number> => {
  const [row] = await db<{ products: number }>`select count(*)::integer as products from products`;
  return row?.products ?? 0;
};

/** Rows for a shard: ids of 16 bytes, numbers, vectors as they are stored. Null where there are none. */
export interface VectorRows {
  ids: Uint8Array | null;
  numbers: number[] | null;
  vectors: Uint8Array | null;
}

const rowsOf = async (found: Promise<VectorRows[]>): Promise<VectorRows> =>
  (await found)[0] ?? { ids: null, numbers: null, vectors: null };

/** The vectors of all products in these buckets. */
export const listVectorsIn = (db: Db, model: string, buckets: readonly number[]) =>
  rowsOf(db<VectorRows>`
    select string_agg(uuid_send(v.product_id), ''::bytea order by v.bucket, v.product_id) as ids,
      array_agg(n.number order by v.bucket, v.product_id) as numbers,
      string_agg(v.vector, ''::bytea order by v.bucket, v.product_id) as vectors
    from product_vectors v
    join product_numbers n using (product_id)
    where v.model = ${model} and v.bucket = any(${buckets}::smallint[])`);

/** The vectors of these products. */
export const listVectorsOf = (db: Db, model: string, ids: readonly string[]) =>
  rowsOf(db<VectorRows>`
    select string_agg(uuid_send(v.product_id), ''::bytea order by v.product_id) as ids,
      array_agg(n.number order by v.product_id) as numbers,
      string_agg(v.vector, ''::bytea order by v.product_id) as vectors
    from product_vectors v
    join product_numbers n using (product_id)
    where v.model = ${model} and v.product_id = any(${ids}::uuid[])`);

/** Forget vectors of a model that is served no more; how many were removed, at most `limit`. */
export const forgetVectors = async (db: Db, model: string, limit: number): Promise<number> => {
  const [row] = await db<{ gone: number }>`select forget_vectors(${model}, ${limit}) as gone`;
  return row?.gone ?? 0;
};
