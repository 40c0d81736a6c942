import type { DemoShop } from '../db/demo-shop.ts';
import { day, minute, toTime } from './calendar.ts';
import type { Item } from './catalogue.ts';
import type { Person } from './people.ts';
import { createWheel, type Random } from './random.ts';
import { longestPauseMs, toSessionRow, type Visit } from './visits.ts';

/** A moment at which a person knew a product well enough to review it. */
export interface Encounter {
  person: Person;
  item: Item;
  atMs: number;
  /** What they gave it, if they rated it. */
  rating: number | undefined;
}

interface Story {
  sessions: DemoShop['sessions'];
  interactions: DemoShop['interactions'];
  purchases: DemoShop['purchase_history'];
  cart: DemoShop['user_cart'];
  wishlist: DemoShop['user_wishlist'];
  encounters: Encounter[];
}

/**
 * Play the visits of one person in order: looking, clicking, carting, buying, and rating what arrived. Cart and wishlist
 * are what is left at the end, so they agree with the events.
 */
export const playVisits = (
  random: Random,
  visits: readonly Visit[],
  shelves: Shelves,
  nowMs: number,
): Story => {
  const story: Story = {
    sessions: [],
    interactions: [],
    purchases: [],
    cart: [],
    wishlist: [],
    encounters: [],
  };
  const person = (visits[0] as Visit).person;
  const browse = createBrowsing(random, person, shelves);
  const cart = new Map<Item, { quantity: number; addedMs: number }>();
  const wishes = new Map<Item, number>();
  const parcels: { item: Item; arrivesMs: number }[] = [];
  const rated = new Set<Item>();

  for (const visit of visits) {
    let clockMs = visit.startMs;
    let left = visit.events;
    /** False when the visit is over: then it did not happen. */
    const act = (type: string, item: Item, value = 1): boolean => {
      if (left === 0) return false;
      left -= 1;
      clockMs += pause(random);
      story.interactions.push({
        user_id: person.userId,
        product_id: item.product.product_id,
        session_id: visit.sessionId,
        event_type: type,
        event_value: value,
        platform: visit.source.platform,
        device: visit.source.device,
        created_at: toTime(clockMs),
      });
      return true;
    };

    for (const { item } of takeArrived(parcels, clockMs)) {
      if (rated.has(item) || !random.chance(0.75)) continue;
      const rating = rateItem(random, person, item);
      if (!act('rate', item, rating)) break;
      rated.add(item);
      story.encounters.push({ person, item, atMs: clockMs, rating });
    }

    while (left > 0) {
      const item = browse(clockMs);
      act('view', item);
      if (!random.chance(0.45) || !act('click', item)) continue;
      story.encounters.push({ person, item, atMs: clockMs, rating: undefined });
      if (random.chance(0.025)) act('share', item);
      if (!wishes.has(item) && random.chance(0.08) && act('wishlist', item)) wishes.set(item, clockMs);
      if (!cart.has(item) && item.product.available && random.chance(0.2)) {
        const quantity = random.chance(0.12) ? random.int(2, 3) : 1;
        if (act('add_to_cart', item, quantity)) cart.set(item, { quantity, addedMs: clockMs });
      }
      if (cart.size > 0 && random.chance(0.05)) {
        const unwanted = random.pick([...cart.keys()]);
        if (act('remove_from_cart', unwanted)) cart.delete(unwanted);
      }
    }

    if (cart.size > 0 && random.chance(person.isAnonymous ? 0.25 : 0.65)) {
      clockMs += random.int(1, 5) * minute;
      const ordered = createOrder(random, person, cart, { atMs: clockMs, nowMs });
      story.purchases.push(...ordered.rows);
      for (const item of cart.keys()) {
        wishes.delete(item);
        if (ordered.completed) parcels.push({ item, arrivesMs: clockMs + random.between(2, 7) * day });
      }
      cart.clear();
    }
    story.sessions.push(toSessionRow(visit, clockMs));
  }

  for (const [{ product }, { quantity, addedMs }] of cart) {
    const time = toTime(addedMs);
    const { product_id } = product;
    story.cart.push({ user_id: person.userId, product_id, quantity, added_at: time, updated_at: time });
  }
  for (const [{ product }, addedMs] of wishes) {
    const { product_id } = product;
    story.wishlist.push({ user_id: person.userId, product_id, added_at: toTime(addedMs) });
  }
  return story;
};

/** The products of each leaf category, by its slug. */
export type Shelves = ReadonlyMap<string, readonly Item[]>;

/** 1 to 5: what the product is worth, and how much it is to this person's taste. */
export const rateItem = (random: Random, person: Person, item: Item): number => {
  const taste = Math.min(1.5, Math.max(-2, person.fit(item) - 0.8));
  const home = person.favourites.includes(item.leaf) ? 0.25 : -0.3;
  const mood = 0.7 * random.normal() - (random.chance(0.07) ? 2 : 0);
  return Math.min(5, Math.max(1, Math.round(item.quality + 0.45 * taste + home + mood)));
};

/** What comes into view next: mostly more of the same category, sometimes something seen before. */
const createBrowsing = (random: Random, person: Person, shelves: Shelves) => {
  const wheels = new Map<string, () => Item>();
  const draw = (slug: string): Item => {
    const known = wheels.get(slug);
    if (known) return known();
    const weigh = (item: Item) => item.popularity * Math.exp(person.fit(item));
    const wheel = createWheel(random, shelves.get(slug) as readonly Item[], weigh);
    wheels.set(slug, wheel);
    return wheel();
  };
  const seen: Item[] = [];
  let leaf = person.chooseLeaf();
  return (nowMs: number): Item => {
    if (seen.length > 0 && random.chance(0.12)) return random.pick(seen.slice(-20));
    if (random.chance(0.15)) leaf = person.chooseLeaf();
    let item = draw(leaf.slug);
    // Not in the shop yet. Nearly all are from the first day, so this ends soon.
    while (item.createdMs > nowMs) item = draw(leaf.slug);
    seen.push(item);
    return item;
  };
};

const pause = (random: Random) =>
  Math.round(Math.min(longestPauseMs, 2_000 - 16_000 * Math.log(1 - random.next())));

const takeArrived = <T extends { arrivesMs: number }>(parcels: T[], nowMs: number): T[] => {
  const arrived = parcels.filter(({ arrivesMs }) => arrivesMs <= nowMs);
  const onTheWay = parcels.filter(({ arrivesMs }) => arrivesMs > nowMs);
  parcels.splice(0, parcels.length, ...onTheWay);
  return arrived;
};

const createOrder = (
  random: Random,
  person: Person,
  cart: ReadonlyMap<Item, { quantity: number }>,
  { atMs, nowMs }: { atMs: number; nowMs: number },
) => {
  const isRecent = nowMs - atMs < 4 * day;
  const status =
    isRecent && random.chance(0.35) ? 'pending' : createWheel(random, statuses, ([, weight]) => weight)()[0];
  const order = {
    order_id: random.uuid(),
    purchased_at: toTime(atMs),
    payment_method: createWheel(random, paymentMethods, ([, weight]) => weight)()[0],
    payment_status: status,
  };
  const rows = [...cart].map(([{ product }, { quantity }]) => {
    // Whole paise throughout, so that the sums are exact.
    const pricePaise = Math.round(Number(product.price) * 100);
    const unitPaise = Math.round((pricePaise * (100 - Number(product.discount_percent))) / 100);
    return {
      user_id: person.userId,
      product_id: product.product_id,
      quantity,
      unit_price: (unitPaise / 100).toFixed(2),
      total_price: ((unitPaise * quantity) / 100).toFixed(2),
      ...order,
    };
  });
  return { rows, completed: status === 'completed' };
};

const statuses: readonly (readonly [string, number])[] = [
  ['completed', 91],
  ['refunded', 4],
  ['cancelled', 3],
  ['failed', 1],
  ['pending', 1],
];

const paymentMethods: readonly (readonly [string, number])[] = [
  ['upi', 54],
  ['card', 20],
  ['cash_on_delivery', 16],
  ['net_banking', 5],
  ['wallet', 3],
  ['emi', 2],
];
