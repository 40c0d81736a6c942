import type { DemoShop } from '../db/demo-shop.ts';
import type { Item } from './catalogue.ts';
import { inventName } from './names.ts';
import { createWheel, type Random } from './random.ts';
import { type Leaf, leaves } from './vocabulary.ts';

/** Where an event comes from. */
export interface Device {
  platform: string;
  device: Record<string, unknown>;
}

/** Someone who comes to the shop. Anonymous visitors have no name. */
export interface Person {
  userId: string;
  name: string | undefined;
  username: string | null;
  email: string | null;
  isAnonymous: boolean;
  isActive: boolean;
  /** Relative to the others: how often they come. */
  activity: number;
  /** Most used first. */
  devices: readonly Device[];
  age: number;
  city: string;
  /** From what is cheapest (0) to what is best (1). */
  budget: number;
  /** The leaf categories they care for most, strongest first. */
  favourites: readonly Leaf[];
  /** Draw a leaf category this person looks at next. */
  chooseLeaf: () => Leaf;
  /** How well a product suits them: about 1 or 2 for what they would choose, far below 0 for what they pass over. */
  fit: (item: Item) => number;
}

const people = 200;
const anonymous = 40;

/** What kinds of people like together; each person has most of one of these. */
const circles: readonly (readonly string[])[] = [
  [
    'fashion-footwear-running-shoes',
    'sports-fitness-yoga',
    'electronics-smartwatches',
    'electronics-headphones',
  ],
  ['electronics-laptops', 'electronics-smartphones', 'electronics-headphones', 'books-business-self-help'],
  ['electronics-cameras', 'electronics-smartphones', 'books-fiction', 'fashion-mens-shirts'],
  ['home-cookware', 'home-bedding', 'home-furniture', 'fashion-sarees'],
  ['fashion-womens-kurtas', 'beauty-skincare', 'beauty-fragrances', 'fashion-sarees'],
  ['fashion-mens-shirts', 'fashion-footwear-formal-shoes', 'beauty-fragrances', 'electronics-smartwatches'],
  ['sports-cricket', 'electronics-smartphones', 'fashion-footwear-running-shoes', 'electronics-headphones'],
  ['books-fiction', 'books-business-self-help', 'sports-fitness-yoga', 'beauty-skincare'],
  ['home-furniture', 'electronics-laptops', 'home-cookware', 'fashion-womens-kurtas'],
];

const devices: readonly Device[] = [
  { platform: 'android', device: { type: 'mobile', os: 'Android 14', app_version: '5.2.0' } },
  { platform: 'android', device: { type: 'mobile', os: 'Android 13', app_version: '5.1.3' } },
  { platform: 'ios', device: { type: 'mobile', os: 'iOS 18', app_version: '5.2.0' } },
  { platform: 'web', device: { type: 'desktop', os: 'Windows', browser: 'Chrome' } },
  { platform: 'web', device: { type: 'desktop', os: 'macOS', browser: 'Safari' } },
  { platform: 'web', device: { type: 'mobile', os: 'Android 14', browser: 'Chrome' } },
  { platform: 'web', device: { type: 'tablet', os: 'iPadOS', browser: 'Safari' } },
];

const cities = [
  'Mumbai',
  'Delhi',
  'Bengaluru',
  'Hyderabad',
  'Chennai',
  'Kolkata',
  'Pune',
  'Ahmedabad',
  'Jaipur',
];
const smallerCities = [
  'Kochi',
  'Lucknow',
  'Indore',
  'Chandigarh',
  'Bhubaneswar',
  'Coimbatore',
  'Guwahati',
  'Surat',
];

/** Everyone, a fifth of them anonymous, each with a taste of their own. */
export const createPeople = (random: Random): Person[] => {
  const taken = new Set<string>();
  const nameUnlike = () => {
    let draft = inventName(random);
    while (taken.has(draft.handle)) draft = inventName(random);
    taken.add(draft.handle);
    return draft;
  };
  return Array.from({ length: people }, (_, index) => {
    const isAnonymous = index % (people / anonymous) === 0;
    const draft = isAnonymous ? undefined : nameUnlike();
    return {
      userId: random.uuid(),
      name: draft?.name,
      username: draft?.handle ?? null,
      // Domains reserved for examples: no mail can reach anyone.
      email: draft ? `${draft.handle}@example.${random.pick(['com', 'org', 'net'])}` : null,
      isAnonymous,
      isActive: !random.chance(0.03),
      activity: Math.exp(0.7 * random.normal()) * (isAnonymous ? 0.3 : 1),
      devices: random.shuffle(devices).slice(0, random.int(1, 2)),
      age: Math.min(70, Math.round(18 + Math.abs(random.normal()) * 15)),
      city: random.pick(random.chance(0.65) ? cities : smallerCities),
      ...createTaste(random),
    };
  });
};

/** The row of a person, whose first visit made it and whose last one is the last thing known of them. */
export const toUserRow = (
  person: Person,
  created_at: string,
  last_seen_at: string,
): DemoShop['users'][number] => ({
  user_id: person.userId,
  email: person.email,
  username: person.username,
  created_at,
  last_seen_at,
  profile: person.isAnonymous
    ? { session_data: { ...person.devices[0]?.device, platform: person.devices[0]?.platform } }
    : {
        name: person.name,
        age: person.age,
        location: person.city,
        preferences: {
          favorite_categories: person.favourites.map(({ slug }) => slug),
          budget: person.budget < 0.35 ? 'value' : person.budget < 0.7 ? 'mid' : 'premium',
        },
      },
  is_anonymous: person.isAnonymous,
  is_active: person.isActive,
});

const createTaste = (random: Random): Pick<Person, 'budget' | 'favourites' | 'chooseLeaf' | 'fit'> => {
  const circle = random.shuffle(random.pick(circles));
  const favourites = circle.slice(0, 3).map((slug) => leaves.find((leaf) => leaf.slug === slug) as Leaf);
  const budget = random.next();
  const shares = [0.42, 0.22, 0.12];
  const chooseLeaf = createWheel(
    random,
    leaves,
    (leaf) => (shares[favourites.indexOf(leaf)] ?? 0) + (0.24 * leaf.products) / 1331,
  );

  const likings = new Map<string, number>();
  const liking = (what: string) => {
    const known = likings.get(what) ?? random.normal();
    likings.set(what, known);
    return known;
  };
  const fit = ({ leaf, kind, product, level }: Item) =>
    0.9 * liking(`${leaf.slug}/${product.brand}`) + 1.1 * liking(kind.noun) - ((level - budget) / 0.3) ** 2;

  return { budget, favourites, chooseLeaf, fit };
};
