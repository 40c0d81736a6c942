import type { Db } from './database.ts';

/** Product numbers and how popular each is, as the logarithm that product_popularity keeps for a week's half-life. */
export interface PopularScores {
  numbers: Uint32Array;
  scores: Float64Array;
}

const recordBytes = 12;

const unpack = (packed: Uint8Array): PopularScores => {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = packed.byteLength / recordBytes;
  const numbers = new Uint32Array(count);
  const scores = new Float64Array(count);
  for (let at = 0; at < count; at += 1) {
    numbers[at] = view.getUint32(at * recordBytes);
    scores[at] = view.getFloat64(at * recordBytes + 4);
  }
  return { numbers, scores };
};

/** The most popular products, hidden ones included. */
export const listMostPopular = async (db: Db, limit: number): Promise<PopularScores> => {
  const [row] = await db<{ packed: Uint8Array | null }>`
    select string_agg(int4send(n.number) || float8send(top.score_7d), ''::bytea) as packed
    from (
      select product_id, score_7d from product_popularity order by score_7d desc, product_id limit ${limit}
    ) top
    join product_numbers n using (product_id)`;
  return unpack(row?.packed ?? new Uint8Array());
};

/** How popular the products with the next numbers are, for those that are at all; undefined after the last number. */
export const listPopularScores = async (
  db: Db,
  after: number,
  size: number,
): Promise<(PopularScores & { last: number }) | undefined> => {
  const [row] = await db<{ last: number | null; packed: Uint8Array | null }>`
    select max(page.number) as last,
      string_agg(int4send(page.number) || float8send(pp.score_7d), ''::bytea)
        filter (where pp.product_id is not null) as packed
    from (
      select number, product_id from product_numbers where number > ${after} order by number limit ${size}
    ) page
    left join product_popularity pp using (product_id)`;
  if (!row?.last) return undefined;
  return { last: row.last, ...unpack(row.packed ?? new Uint8Array()) };
};
