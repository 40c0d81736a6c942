import type { DemoShop } from '../db/demo-shop.ts';
import { reviewId } from '../review-id.ts';
import { type Encounter, rateItem } from './behaviour.ts';
import { minute, toTime } from './calendar.ts';
import type { Random } from './random.ts';
import { closings, disappointments, mixedFeelings, praise, type Tone } from './review-words.ts';

const reviews = 1_500;

type Review = DemoShop['reviews'][number];

interface Readers {
  encounters: readonly Encounter[];
  purchases: DemoShop['purchase_history'];
  users: DemoShop['users'];
  nowMs: number;
}

/**
 * Reviews by people with an account, one for a product and person, with their votes: mostly of what was bought and
 * rated, the rest of what was only looked at.
 */
export const writeReviews = (random: Random, { encounters, purchases, users, nowMs }: Readers) => {
  const bought = new Set(
    purchases
      .filter((row) => row.payment_status === 'completed')
      .map((row) => pair(row.user_id, row.product_id)),
  );
  const signedIn = random.shuffle(encounters.filter(({ person }) => !person.isAnonymous));
  const fromRatings = signedIn.filter(({ rating }) => rating !== undefined).filter(() => random.chance(0.85));
  const fromLooks = signedIn.filter(({ rating }) => rating === undefined);

  const written = new Map<string, Review>();
  for (const encounter of [...fromRatings, ...fromLooks]) {
    const { person, item } = encounter;
    const key = pair(person.userId, item.product.product_id);
    // Who looked and also bought is left to their rating.
    if (written.has(key) || (encounter.rating === undefined && bought.has(key))) continue;
    written.set(key, writeReview(random, encounter, { isVerified: bought.has(key), nowMs }));
    if (written.size === reviews) break;
  }

  const rows = [...written.values()].sort((a, b) => a.created_at.localeCompare(b.created_at));
  const readers = users.filter((user) => !user.is_anonymous);
  const votes = rows.flatMap((review) => castVotes(random, review, readers, nowMs));
  return { reviews: rows, votes };
};

const pair = (userId: string, productId: string) => `${userId}:${productId}`;

const writeReview = (
  random: Random,
  { person, item, atMs, rating = rateItem(random, person, item) }: Encounter,
  { isVerified, nowMs }: { isVerified: boolean; nowMs: number },
): Review => {
  const createdMs = atMs + random.int(1, 4) * minute;
  const editedMs = random.chance(0.05) ? random.between(createdMs, nowMs) : createdMs;
  const tone = rating > 3 ? praise : rating === 3 ? mixedFeelings : disappointments;
  return {
    review_id: reviewId(person.userId, item.product.product_id),
    user_id: person.userId,
    product_id: item.product.product_id,
    rating,
    title: random.pick(tone.titles),
    comment: writeComment(random, tone, { noun: item.kind.noun.toLowerCase(), features: item.features }),
    verified_purchase: isVerified,
    helpful_count: 0,
    is_approved: !random.chance(0.04),
    created_at: toTime(createdMs),
    updated_at: toTime(editedMs),
  };
};

const writeComment = (random: Random, tone: Tone, words: { noun: string; features: string[] }): string => {
  const sentences = [
    random.pick(tone.openings),
    ...(random.chance(0.85) ? [random.pick(tone.remarks)] : []),
    ...(random.chance(0.5) ? [random.pick(closings)] : []),
  ];
  const feature = random.pick(words.features);
  return sentences.join(' ').replaceAll('{feature}', feature).replaceAll('{noun}', words.noun);
};

/** Sets the review's count; nobody votes for their own, nor before they came to the shop. */
const castVotes = (random: Random, review: Review, readers: DemoShop['users'], nowMs: number) => {
  if (!review.is_approved) return [];
  const wanted = Math.floor(-2.6 * Math.log(1 - random.next()));
  const voters = random
    .shuffle(readers)
    .filter(({ user_id }) => user_id !== review.user_id)
    .slice(0, wanted);
  review.helpful_count = voters.length;
  return voters.map((voter) => {
    const earliestMs = Math.max(Date.parse(review.created_at), Date.parse(voter.created_at));
    return {
      review_id: review.review_id,
      user_id: voter.user_id,
      created_at: toTime(random.between(earliestMs, nowMs)),
    };
  });
};
