import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { createClient } from '../../test/support/client.ts';
import { setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';

const start = async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  return { ...system, read: createClient(url, keys.read) };
};

/** Categories as a tree, by slug: `{ home: null, lamps: 'home' }`. */
const insertCategories = async (
  db: Awaited<ReturnType<typeof start>>['db'],
  tree: Record<string, string | null>,
) => {
  for (const [slug, parent] of Object.entries(tree)) {
    await db`
      insert into categories (slug, name, parent_id)
      values (${slug}, ${`The ${slug}`}, (select category_id from categories where slug = ${parent}))`;
  }
};

test('a product comes whole: exact money, its category, the primary image first, approved reviews counted', async () => {
  const { db, read } = await start();
  await insertCategories(db, { home: null, lamps: 'home' });
  const [product] = await insertProducts(db, 1);
  await db`
    update products set price = 24300, discount_percent = 12.5, rating = 4.0, tags = '{a,"b c"}', currency = 'INR',
      metadata_json = '{"a":{"b":1}}', sku = 'S-1', category_id = (select category_id from categories where slug = 'lamps'),
      created_at = '2026-01-31T10:00:00.123456+05:30'
    where product_id = ${product}`;
  const images = [uuidv7(), uuidv7()];
  await db`
    insert into product_images (image_id, product_id, s3_key, is_primary, created_at)
    select id, ${product}, 'key', id = ${images[1]}::uuid, '2026-01-01T00:00:00.5Z' from unnest(${images}::uuid[]) as id`;
  const [reader] = await db<{ id: string }>`
    insert into users (user_id, is_anonymous, is_active) values (${uuidv7()}, true, true) returning user_id as id`;
  await db`insert into reviews (user_id, product_id, rating) values (${reader?.id}, ${product}, 4)`;

  const answer = await read.get(`/v1/products/${product?.toUpperCase()}`);

  expect(answer.status).toBe(200);
  expect(answer.json).toMatchObject({
    product_id: product,
    sku: 'S-1',
    category_slug: 'lamps',
    category_name: 'The lamps',
    tags: ['a', 'b c'],
    price: '24300.00',
    currency: 'INR',
    discount_percent: '12.50',
    rating: '4.0',
    available: true,
    metadata_json: { a: { b: 1 } },
    review_count: 1,
    created_at: '2026-01-31T04:30:00.123456Z',
    images: [
      { image_id: images[1], is_primary: true, created_at: '2026-01-01T00:00:00.5Z' },
      { image_id: images[0], is_primary: false },
    ],
  });
  expect((await read.get(`/v1/products/${uuidv7()}`)).status).toBe(404);
  expect((await read.get('/v1/categories')).json).toEqual({
    items: [
      { category_id: expect.any(Number), slug: 'home', name: 'The home', parent_slug: null },
      { category_id: expect.any(Number), slug: 'lamps', name: 'The lamps', parent_slug: 'home' },
    ],
  });
});

test('reviews come in each order without gaps or repeats, however many are equal, and only approved ones', async () => {
  const { db, read } = await start();
  const [product, other] = await insertProducts(db, 2);
  await db`
    with author as (
      insert into users (user_id, is_anonymous, is_active)
      select gen_random_uuid(), true, true from generate_series(1, 60) returning user_id)
    insert into reviews (user_id, product_id, rating, helpful_count, is_approved, created_at)
    select user_id, case when n > 50 then ${other}::uuid else ${product}::uuid end, 1 + n % 5, n % 3, n % 10 <> 0,
      timestamptz '2026-01-01Z' + (n / 4) * interval '1 microsecond'
    from (select user_id, (row_number() over ())::integer as n from author) a`;
  const expected = async (column: 'helpful_count' | 'rating' | 'none') =>
    (
      await db<{ id: string }>`
        select review_id as id from reviews where product_id = ${product} and is_approved
        order by case ${column} when 'rating' then rating when 'helpful_count' then helpful_count else 0 end desc,
          created_at desc, review_id desc`
    ).map(({ id }) => id);

  for (const [sort, column] of [
    ['helpful', 'helpful_count'],
    ['rating', 'rating'],
    ['newest', 'none'],
  ] as const) {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await read.get(`/v1/products/${product}/reviews?sort=${sort}&limit=7${cursor}`);
      seen.push(...json.items.map((item: { review_id: string }) => item.review_id));
      cursor = json.next_cursor && `&cursor=${json.next_cursor}`;
    } while (cursor);
    expect(seen).toHaveLength(45);
    expect(seen, sort).toEqual(await expected(column));
  }
  const { json } = await read.get(`/v1/products/${product}/reviews?sort=newest&limit=1`);
  const mixed = await read.get(`/v1/products/${product}/reviews?sort=rating&cursor=${json.next_cursor}`);
  expect(mixed).toMatchObject({ status: 400, json: { errors: [{ path: '/cursor' }] } });
  expect((await read.get(`/v1/products/${uuidv7()}/reviews`)).status).toBe(404);
});

test('popular: decayed to now, available ones only, a category with what lies below it', async () => {
  const { db, read } = await start();
  await insertCategories(db, { home: null, lamps: 'home', books: null, empty: null });
  const [lamp, book, hidden, chair, ignored] = await insertProducts(db, 5);
  await db`update products set available = false where product_id = ${hidden}`;
  const put = (product: string | undefined, slug: string) => db`
    update products set category_id = (select category_id from categories where slug = ${slug})
    where product_id = ${product}`;
  for (const [product, slug] of [
    [lamp, 'lamps'],
    [chair, 'home'],
    [book, 'books'],
    [hidden, 'lamps'],
    [ignored, 'lamps'],
  ] as const)
    await put(product, slug);
  // The lamp was bought by many a while ago, the book today by a few.
  await db`
    insert into interactions (product_id, event_type, created_at)
    select ${lamp}::uuid, 'purchase', now() - interval '20 days' from generate_series(1, 20)
    union all select ${book}::uuid, 'purchase', now() from generate_series(1, 4)
    union all select ${chair}::uuid, 'view', now() from generate_series(1, 2)
    union all select ${hidden}::uuid, 'purchase', now() from generate_series(1, 100)`;
  await db`select refresh_popularity(${[lamp, book, hidden, chair, ignored]}::uuid[], '{"purchase":8,"view":1}'::jsonb)`;
  const ids = async (query: string) =>
    (await read.get(`/v1/popular${query}`)).json.items.map((item: { product_id: string }) => item.product_id);

  expect(await ids('?window=1d')).toEqual([book, chair, lamp]);
  expect(await ids('?window=30d')).toEqual([lamp, book, chair]);
  expect(await ids('?window=30d&k=1')).toEqual([lamp]);
  expect(await ids('?category=home')).toEqual([lamp, chair]);
  expect(await ids('?category=lamps&k=1')).toEqual([lamp]);
  expect(await ids('?category=empty')).toEqual([]);

  const { json } = await read.get('/v1/popular?window=30d&expand=product');
  expect(json).toMatchObject({
    request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    window: '30d',
    category: null,
    items: [
      { rank: 1, product_id: lamp, source: 'popular', product: { product_id: lamp, category_slug: 'lamps' } },
      { rank: 2 },
      { rank: 3 },
    ],
  });
  expect(json.items[0].score).toBeCloseTo(20 * 8 * 2 ** (-20 / 30), 2);
  expect(json.items[1].score).toBeCloseTo(4 * 8, 2);
  expect((await read.get('/v1/popular?category=nothing')).status).toBe(404);
  expect((await read.get('/v1/popular?window=2d')).status).toBe(400);
});

test('a category of products that are popular nowhere else is found behind those that are', async () => {
  const { db, read } = await start();
  await insertCategories(db, { rare: null });
  await insertProducts(db, 2_500);
  const rare = await insertProducts(db, 3);
  await db`update products set category_id = (select category_id from categories) where product_id = any(${rare}::uuid[])`;
  await db`
    insert into product_popularity (product_id, score_1d, score_7d, score_30d)
    select product_id, 400 - score, 400 - score, 400 - score
    from (select product_id, case when category_id is null then 0 else 1 end as score from products) p`;
  const { json } = await read.get('/v1/popular?category=rare&k=5');
  expect(json.items.map((item: { product_id: string }) => item.product_id)).toEqual([...rare].sort());
});
