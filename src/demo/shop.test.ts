import { validate } from 'uuid';
import { describe, expect, test } from 'vitest';
import type { DemoShop } from '../db/demo-shop.ts';
import { reviewId } from '../review-id.ts';
import { generateShop } from './shop.ts';

const now = new Date('2026-03-01T15:30:00Z');
const shop = generateShop({ seed: 1, now });

type Product = DemoShop['products'][number];

const tally = (keys: Iterable<string>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
};
const tablesOf = (shop: DemoShop) => Object.entries(shop) as [string, Record<string, unknown>[]][];
const pairOf = (row: { user_id: string; product_id: string }) => `${row.user_id}:${row.product_id}`;
const mean = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const productOf = new Map(shop.products.map((product) => [product.product_id, product]));
const leafOf = (row: { product_id: string }) => productOf.get(row.product_id)?.category_slug as string;

describe('the rows', () => {
  test('are as many as the seed has', () => {
    expect(shop.categories).toHaveLength(26);
    expect(shop.products).toHaveLength(1_331);
    expect(shop.product_images).toHaveLength(1_331);
    expect(shop.users).toHaveLength(200);
    expect(shop.users.filter((user) => user.is_anonymous)).toHaveLength(40);
    expect(shop.sessions).toHaveLength(1_900);
    expect(shop.interactions).toHaveLength(100_000);
    expect(shop.reviews).toHaveLength(1_500);
    expect(shop.purchase_history.length).toBeGreaterThan(2_000);
    expect(shop.review_helpful_votes.length).toBeGreaterThan(1_000);
    expect(shop.user_cart.length).toBeGreaterThan(100);
    expect(shop.user_wishlist.length).toBeGreaterThan(500);
  });

  test('are the same for the same seed and time, ids included, and others for another seed', () => {
    expect(generateShop({ seed: 1, now })).toEqual(shop);

    const other = generateShop({ seed: 2, now });
    const ids = new Set(shop.products.map((product) => product.product_id));
    expect(other.products.filter((product) => ids.has(product.product_id))).toEqual([]);
    expect(other.interactions).toHaveLength(100_000);
    expect(other.reviews).toHaveLength(1_500);
  });

  test('move with the time and stay the same otherwise', () => {
    const later = generateShop({ seed: 1, now: new Date(now.getTime() + 86_400_000) });
    expect(later.products.map(({ product_id, name }) => [product_id, name])).toEqual(
      shop.products.map(({ product_id, name }) => [product_id, name]),
    );
    const [first, moved] = [shop.interactions[0], later.interactions[0]].map((row) => row?.created_at ?? '');
    expect(Date.parse(moved as string) - Date.parse(first as string)).toBe(86_400_000);
  });

  test('name only rows that are there, and no key twice', () => {
    const keys = {
      user_id: shop.users.map((row) => row.user_id),
      product_id: shop.products.map((row) => row.product_id),
      session_id: shop.sessions.map((row) => row.session_id),
      review_id: shop.reviews.map((row) => row.review_id),
    };
    const known = Object.fromEntries(Object.entries(keys).map(([column, ids]) => [column, new Set(ids)]));
    for (const [column, ids] of Object.entries(keys)) {
      expect(known[column]?.size).toBe(ids.length);
      expect(ids.every((id) => validate(id))).toBe(true);
    }
    for (const [table, rows] of tablesOf(shop)) {
      for (const [column, ids] of Object.entries(known)) {
        const strangers = rows.filter((row) => column in row && !ids.has(row[column] as string));
        expect(strangers, `${table}.${column}`).toEqual([]);
      }
    }
    for (const table of ['user_cart', 'user_wishlist', 'reviews'] as const) {
      const pairs = shop[table].map(pairOf);
      expect(new Set(pairs).size, table).toBe(pairs.length);
    }
    const usernames = shop.users.flatMap(({ username }) => username ?? []);
    expect(new Set(usernames).size).toBe(160);
    expect(new Set(shop.product_images.map((image) => image.product_id)).size).toBe(1_331);
  });

  // The busiest hour in India, the middle of the night, and between: visits crowd before `now`, or none are near.
  test.each(['15:30', '21:00', '04:10', '16:45'])(
    'lie in the ninety days or so before now, at %s',
    (time) => {
      const end = new Date(`2026-04-05T${time}:00Z`);
      const earliest = new Date(end.getTime() - 93 * 86_400_000).toISOString();
      for (const [table, rows] of tablesOf(generateShop({ seed: 3, now: end }))) {
        const times = rows.flatMap((row) =>
          Object.entries(row).flatMap(([column, value]) => (column.endsWith('_at') ? [value as string] : [])),
        );
        const outside = times.filter((at) => at > end.toISOString() || at < earliest);
        expect(outside, table).toEqual([]);
      }
    },
  );

  test('come after what they need: visits, events and votes after the people, the products and the reviews', () => {
    const joined = new Map(shop.users.map((user) => [user.user_id, user]));
    const sessions = new Map(shop.sessions.map((session) => [session.session_id, session]));
    const misplaced = shop.interactions.filter((row) => {
      const session = sessions.get(row.session_id);
      return (
        session?.user_id !== row.user_id ||
        row.created_at < session.started_at ||
        row.created_at > session.ended_at ||
        row.created_at < (productOf.get(row.product_id)?.created_at as string) ||
        row.created_at < (joined.get(row.user_id)?.created_at as string)
      );
    });
    expect(misplaced).toEqual([]);

    const written = new Map(shop.reviews.map((review) => [review.review_id, review.created_at]));
    const hasty = shop.review_helpful_votes.filter(
      (vote) =>
        vote.created_at < (written.get(vote.review_id) as string) ||
        vote.created_at < (joined.get(vote.user_id)?.created_at as string),
    );
    expect(hasty).toEqual([]);
  });
});

describe('the catalogue', () => {
  test('is a tree whose leaves hold the products', () => {
    const seen = new Set<string>();
    for (const { slug, parent_slug } of shop.categories) {
      // Every parent stands before its children, so there can be no cycle.
      expect(parent_slug === null || seen.has(parent_slug), slug).toBe(true);
      expect(parent_slug === null || slug.startsWith(`${parent_slug}-`), slug).toBe(true);
      expect(seen.has(slug)).toBe(false);
      seen.add(slug);
    }
    const inner = new Set(shop.categories.map((category) => category.parent_slug));
    const leaves = shop.categories.filter(({ slug }) => !inner.has(slug)).map(({ slug }) => slug);
    expect(new Set(shop.products.map((product) => product.category_slug))).toEqual(new Set(leaves));
  });

  test('has distinct names, SKUs and, digits aside, distinct texts', () => {
    const distinct = (texts: string[]) => new Set(texts).size;
    expect(distinct(shop.products.map(({ name }) => name))).toBe(1_331);
    expect(distinct(shop.products.map(({ sku }) => sku))).toBe(1_331);
    expect(distinct(shop.products.map((row) => row.long_description.replace(/\d/g, '')))).toBe(1_331);
    for (const row of shop.products) {
      const text = `${row.name} ${row.short_description} ${row.long_description} ${row.tags.join(' ')}`;
      expect(text).not.toMatch(/[{}]|undefined|NaN| {2}/);
    }
  });

  test('speaks of neighbours in more alike words than of strangers', () => {
    const words = shop.products.map((row) => new Set(row.long_description.toLowerCase().match(/[a-z]{4,}/g)));
    const likeness = (a: number, b: number) => {
      const [mine, theirs] = [words[a] as Set<string>, words[b] as Set<string>];
      const shared = [...mine].filter((word) => theirs.has(word)).length;
      return shared / (mine.size + theirs.size - shared);
    };
    const pairs = shop.products.flatMap((_, a) =>
      [1, 2, 3, 400, 500].map((step) => [a, (a + step) % 1_331] as const),
    );
    const alike = (isSame: boolean) =>
      mean(
        pairs
          .filter(
            ([a, b]) => (shop.products[a]?.category_slug === shop.products[b]?.category_slug) === isSame,
          )
          .map(([a, b]) => likeness(a, b)),
      );
    expect(alike(true)).toBeGreaterThan(1.5 * alike(false));
  });

  test('asks rupees as a shop would', () => {
    for (const { price, currency, discount_percent } of shop.products) {
      expect(currency).toBe('INR');
      expect(price).toMatch(/^[1-9]\d{1,5}\.00$/);
      expect(Number(discount_percent)).toBeLessThanOrEqual(50);
    }
    const priceIn = (slug: string) =>
      mean(shop.products.filter((row) => row.category_slug === slug).map((row) => Number(row.price)));
    expect(priceIn('electronics-laptops')).toBeGreaterThan(50 * priceIn('books-fiction'));
  });
});

describe('what people do', () => {
  const own = new Map<string, Product[]>(shop.users.map((user) => [user.user_id, []]));
  for (const row of shop.interactions) own.get(row.user_id)?.push(productOf.get(row.product_id) as Product);

  test('narrows from looking to carting, and buying is no interaction', () => {
    const types = tally(shop.interactions.map((row) => row.event_type));
    const count = (type: string) => types.get(type) ?? 0;
    expect([...types.keys()].sort()).toEqual(
      ['add_to_cart', 'click', 'rate', 'remove_from_cart', 'share', 'view', 'wishlist'].sort(),
    );
    expect(count('view')).toBeGreaterThan(2 * count('click'));
    expect(count('click')).toBeGreaterThan(3 * count('add_to_cart'));
    expect(count('add_to_cart')).toBeGreaterThan(shop.purchase_history.length);
    expect(count('add_to_cart')).toBeGreaterThan(2 * count('remove_from_cart'));
  });

  test('follows their taste in categories, brands and prices', () => {
    const people = [...own.values()].filter((list) => list.length >= 100);
    expect(people.length).toBeGreaterThan(150);
    const everyone = people.flat();
    const share = (keys: string[], top: number) => {
      const counts = [...tally(keys).values()].sort((a, b) => b - a);
      return counts.slice(0, top).reduce((a, b) => a + b, 0) / keys.length;
    };

    const categories = (list: Product[]) => list.map((row) => row.category_slug);
    expect(mean(people.map((list) => share(categories(list), 3)))).toBeGreaterThan(0.7);
    expect(share(categories(everyone), 3)).toBeLessThan(0.35);

    // Of what they look at in one category, half is of one brand, though each category has about six.
    const inFavourite = people.map((list) => {
      const [favourite] = [...tally(categories(list))].sort((a, b) => b[1] - a[1])[0] as [string, number];
      return list.filter((row) => row.category_slug === favourite);
    });
    const brands = (list: Product[]) => list.map((row) => row.brand);
    const slugs = [...new Set(categories(shop.products))];
    const sold = slugs.map((slug) => everyone.filter((row) => row.category_slug === slug));
    const topBrand = mean(sold.map((list) => share(brands(list), 1)));
    expect(mean(inFavourite.map((list) => share(brands(list), 1)))).toBeGreaterThan(1.5 * topBrand);

    // How much dearer than others of its kind: people differ from each other more than from themselves.
    const kindOf = (row: Product) => row.metadata_json.kind as string;
    const usual = new Map(
      [...new Set(shop.products.map(kindOf))].map((kind) => [
        kind,
        mean(shop.products.filter((row) => kindOf(row) === kind).map((row) => Math.log(Number(row.price)))),
      ]),
    );
    const dearness = (list: Product[]) =>
      list.map((row) => Math.log(Number(row.price)) - (usual.get(kindOf(row)) as number));
    const variance = (numbers: number[]) => {
      const middle = mean(numbers);
      return mean(numbers.map((x) => (x - middle) ** 2));
    };
    expect(mean(people.map((list) => variance(dearness(list))))).toBeLessThan(
      0.85 * variance(dearness(everyone)),
    );
  });

  test('shows a recommender more than popularity does', () => {
    const favourites = [...own.values()].map((list) =>
      [...tally(list.map((row) => row.category_slug))]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 3)
        .map(([slug]) => slug),
    );
    // Hide each person's third category and guess it, three guesses each, from what the others like.
    const hits = (scoreOf: (others: string[][], known: string[], slug: string) => number) => {
      const slugs = [...new Set(favourites.flat())];
      const guessed = favourites.filter(([first, second, hidden], index) => {
        const known = [first, second] as string[];
        const others = favourites.filter((_, other) => other !== index);
        const ranked = slugs
          .filter((slug) => !known.includes(slug))
          .map((slug) => ({ slug, score: scoreOf(others, known, slug) }))
          .sort((a, b) => b.score - a.score);
        return ranked.slice(0, 3).some(({ slug }) => slug === hidden);
      });
      return guessed.length / favourites.length;
    };
    const byPopularity = hits((others, _, slug) => others.filter((top) => top.includes(slug)).length);
    const bySharedTaste = hits((others, known, slug) => {
      const alike = (top: string[]) => known.filter((mine) => top.includes(mine)).length;
      return others.filter((top) => top.includes(slug)).reduce((sum, top) => sum + alike(top) ** 2, 0);
    });
    expect(bySharedTaste).toBeGreaterThan(0.4);
    expect(bySharedTaste).toBeGreaterThan(1.5 * byPopularity);
  });

  test('leaves a few products with most of the attention, and hardly one with none', () => {
    const counts = [...tally(shop.interactions.map((row) => row.product_id)).values()].sort((a, b) => b - a);
    const top = counts.slice(0, 133).reduce((a, b) => a + b, 0) / 100_000;
    expect(top).toBeGreaterThan(0.3);
    expect(top).toBeLessThan(0.7);
    expect(counts.length).toBeGreaterThan(1_200);
  });

  test('carts what was added and neither removed nor bought since', () => {
    const expected = new Map<string, string>();
    const events = [
      ...shop.interactions.map((row) => ({ ...row, at: row.created_at })),
      ...shop.purchase_history.map((row) => ({ ...row, event_type: 'purchase', at: row.purchased_at })),
    ].sort((a, b) => a.at.localeCompare(b.at));
    for (const event of events) {
      if (event.event_type === 'add_to_cart') expected.set(pairOf(event), event.at);
      if (event.event_type === 'remove_from_cart' || event.event_type === 'purchase')
        expected.delete(pairOf(event));
    }
    expect(new Map(shop.user_cart.map((row) => [pairOf(row), row.added_at]))).toEqual(expected);
  });

  test('buys in orders of one or more products, paid exactly and mostly for good', () => {
    const orders = tally(shop.purchase_history.map((row) => row.order_id));
    expect([...orders.values()].filter((lines) => lines > 1).length).toBeGreaterThan(200);
    const statuses = tally(shop.purchase_history.map((row) => row.payment_status));
    expect((statuses.get('completed') ?? 0) / shop.purchase_history.length).toBeGreaterThan(0.8);
    expect(statuses.get('refunded')).toBeGreaterThan(20);
    expect(statuses.get('pending')).toBeGreaterThan(20);
    for (const { unit_price, quantity, total_price } of shop.purchase_history) {
      const paise = (amount: string) => BigInt(amount.replace('.', ''));
      expect(unit_price).toMatch(/^\d+\.\d\d$/);
      expect(paise(total_price)).toBe(paise(unit_price) * BigInt(quantity));
    }
  });
});

describe('reviews', () => {
  const bought = new Set(
    shop.purchase_history.filter((row) => row.payment_status === 'completed').map(pairOf),
  );

  test('are named after their user and product', () => {
    for (const review of shop.reviews)
      expect(review.review_id).toBe(reviewId(review.user_id, review.product_id));
  });

  test('are verified exactly when a completed purchase is there, and both kinds occur', () => {
    expect(shop.reviews.filter((review) => review.verified_purchase !== bought.has(pairOf(review)))).toEqual(
      [],
    );
    const verified = shop.reviews.filter((review) => review.verified_purchase).length;
    expect(verified).toBeGreaterThan(750);
    expect(verified).toBeLessThan(1_450);
  });

  test('add up to the ratings of the products', () => {
    for (const { product_id, rating } of shop.products) {
      const own = shop.reviews.filter((row) => row.product_id === product_id && row.is_approved);
      const tenths =
        own.length === 0 ? 0 : Math.round((10 * own.reduce((a, row) => a + row.rating, 0)) / own.length);
      expect(rating, product_id).toBe((tenths / 10).toFixed(1));
    }
    expect(shop.reviews.some((review) => !review.is_approved)).toBe(true);
  });

  test('count their votes, of which none is for the own review and none comes twice', () => {
    const votes = tally(shop.review_helpful_votes.map((vote) => vote.review_id));
    const authors = new Map(shop.reviews.map((review) => [review.review_id, review.user_id]));
    for (const review of shop.reviews) expect(review.helpful_count).toBe(votes.get(review.review_id) ?? 0);
    const keys = shop.review_helpful_votes.map((vote) => `${vote.review_id}:${vote.user_id}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(shop.review_helpful_votes.filter((vote) => authors.get(vote.review_id) === vote.user_id)).toEqual(
      [],
    );
  });

  test('are kinder where taste led, and never come from someone without an account', () => {
    const favourites = new Map(
      shop.users.map(({ user_id, profile }) => {
        const { preferences } = profile as { preferences?: { favorite_categories: string[] } };
        return [user_id, preferences?.favorite_categories];
      }),
    );
    const stars = (isHome: boolean) =>
      mean(
        shop.reviews
          .filter((review) => favourites.get(review.user_id)?.includes(leafOf(review)) === isHome)
          .map((review) => review.rating),
      );
    expect(stars(true)).toBeGreaterThan(stars(false) + 0.2);
    expect(shop.reviews.filter((review) => favourites.get(review.user_id) === undefined)).toEqual([]);
  });
});
