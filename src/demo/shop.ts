import type { DemoShop } from '../db/demo-shop.ts';
import { playVisits, type Shelves } from './behaviour.ts';
import { day, historyDays, minute, toTime } from './calendar.ts';
import { createImage, createItems, type Item, listCategories } from './catalogue.ts';
import { createPeople, toUserRow } from './people.ts';
import { createRandom } from './random.ts';
import { writeReviews } from './reviews.ts';
import { createVisits, type Visit } from './visits.ts';
import { leaves } from './vocabulary.ts';

/**
 * A shop with ninety days of history up to `now`: what people like shows in what they do, and every column that follows
 * from others does. The same seed and time give the same shop, ids included. Takes about a second.
 */
export const generateShop = ({ seed, now }: { seed: number; now: Date }): DemoShop => {
  const nowMs = now.getTime();
  const items = createItems(createRandom(seed, 'products'), nowMs - historyDays * day);
  const images = createRandom(seed, 'images');
  const people = createPeople(createRandom(seed, 'people'));
  const visits = createVisits(createRandom(seed, 'visits'), people, nowMs);

  const shelves: Shelves = new Map(
    leaves.map(({ slug }) => [slug, items.filter(({ leaf }) => leaf.slug === slug)]),
  );
  const behaviour = createRandom(seed, 'behaviour');
  const stories = visits.map((own) => playVisits(behaviour, own, shelves, nowMs));
  const users = visits.map((own, index) => {
    const { person, startMs } = own[0] as Visit;
    const lastSeen = stories[index]?.sessions.at(-1)?.ended_at as string;
    return toUserRow(person, toTime(startMs - (person.isAnonymous ? 0 : minute)), lastSeen);
  });

  const purchases = stories.flatMap((story) => story.purchases);
  const { reviews, votes } = writeReviews(createRandom(seed, 'reviews'), {
    encounters: stories.flatMap((story) => story.encounters),
    purchases,
    users,
    nowMs,
  });
  setRatings(items, reviews);

  return {
    categories: listCategories(),
    products: items.map(({ product }) => product),
    product_images: items.map((item) => createImage(images, item)),
    users,
    sessions: inOrder(
      stories.flatMap((story) => story.sessions),
      'started_at',
    ),
    interactions: inOrder(
      stories.flatMap((story) => story.interactions),
      'created_at',
    ),
    purchase_history: inOrder(purchases, 'purchased_at'),
    reviews,
    review_helpful_votes: inOrder(votes, 'created_at'),
    user_cart: inOrder(
      stories.flatMap((story) => story.cart),
      'added_at',
    ),
    user_wishlist: inOrder(
      stories.flatMap((story) => story.wishlist),
      'added_at',
    ),
  };
};

/** As if the rows had come in one by one. All times have one format, so their text sorts like they do. */
const inOrder = <Column extends string, Row extends Record<Column, string>>(
  rows: Row[],
  time: Column,
): Row[] => rows.sort((a, b) => (a[time] < b[time] ? -1 : a[time] > b[time] ? 1 : 0));

/** A product's rating is the mean of its approved reviews to one decimal, halves up, as PostgreSQL rounds it. */
const setRatings = (items: readonly Item[], reviews: DemoShop['reviews']) => {
  const approved = new Map<string, { sum: number; count: number }>();
  for (const { product_id, rating, is_approved } of reviews) {
    if (!is_approved) continue;
    const { sum, count } = approved.get(product_id) ?? { sum: 0, count: 0 };
    approved.set(product_id, { sum: sum + rating, count: count + 1 });
  }
  for (const { product } of items) {
    const { sum, count } = approved.get(product.product_id) ?? { sum: 0, count: 1 };
    // In whole tenths: 4.35 as a double is a little less, and would be rounded down.
    product.rating = (Math.floor((20 * sum + count) / (2 * count)) / 10).toFixed(1);
  }
};
