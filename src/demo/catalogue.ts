import type { DemoShop } from '../db/demo-shop.ts';
import { day, toTime } from './calendar.ts';
import { inventName } from './names.ts';
import { createWheel, type Random } from './random.ts';
import { branches, entries, type Kind, type Leaf, leaves } from './vocabulary.ts';

type Product = DemoShop['products'][number];

/** A product as the simulation sees it: the row, and what its buyers feel but no column says. */
export interface Item {
  product: Product;
  leaf: Leaf;
  kind: Kind;
  /** Noun phrases its texts use. */
  features: string[];
  createdMs: number;
  /** Where its price lies between the plainest (0) and the best (1) of its kind. */
  level: number;
  /** How much it is looked at, whoever looks. */
  popularity: number;
  /** The rating it deserves on average. */
  quality: number;
}

/** The category tree, parents first. */
export const listCategories = (): DemoShop['categories'] =>
  [...branches, ...leaves].map(({ slug, name, parent }) => ({ slug, name, parent_slug: parent }));

/**
 * Every product of the demo shop. No two share a name or, digits aside, a text. Most are there when the shop opens,
 * the others arrive later.
 */
export const createItems = (random: Random, openedMs: number): Item[] => {
  const taken = new Set<string>();
  const discount = createWheel(random, discounts, ([, weight]) => weight);
  const items = leaves.flatMap((leaf) => {
    const authors = leaf.authored ? Array.from({ length: 12 }, () => inventName(random).name) : undefined;
    return Array.from({ length: leaf.products }, (_, index) => {
      const kind = leaf.kinds[index % leaf.kinds.length] as Kind;
      const write = () => writeProduct(random, leaf, kind, authors);
      let draft = write();
      while (taken.has(draft.name) || taken.has(withoutDigits(draft.long_description))) draft = write();
      taken.add(draft.name).add(withoutDigits(draft.long_description));
      return createItem(random, draft, { leaf, kind, openedMs, discount: discount()[0] });
    });
  });
  // A few sell most: weight falls with a power of the rank, and ranks have nothing to do with the order of the list.
  random.shuffle(items).forEach((item, rank) => {
    item.popularity = 1 / (rank + 12) ** 0.9;
  });
  items.forEach((item, index) => {
    item.product.sku = `${initials(item)}-${String(index + 1).padStart(4, '0')}`;
  });
  return items;
};

/** The one picture of a product. Its address is under a domain reserved for examples: nothing is there. */
export const createImage = (random: Random, { product }: Item): DemoShop['product_images'][number] => {
  const file = `${product.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')}.webp`;
  return {
    image_id: random.uuid(),
    product_id: product.product_id,
    s3_key: `products/${product.product_id}/${file}`,
    cdn_url: `https://cdn.example.com/products/${product.product_id}/${file}`,
    width: 1200,
    height: random.pick([1200, 1200, 1500]),
    format: 'webp',
    variant: 'original',
    alt_text: `${product.name} by ${product.brand}`,
    is_primary: true,
    created_at: product.created_at,
  };
};

const discounts: readonly (readonly [number, number])[] = [
  [0, 32],
  [5, 12],
  [10, 18],
  [15, 12],
  [20, 11],
  [25, 6],
  [30, 5],
  [40, 3],
  [50, 1],
];

const phrasings =
  'You get {a}, {b} and {c}.; {brand} adds {a}, {b} and {c}.; Comes with {a}, {b} and {c}.; What you notice first: {a}, {b} and {c}.';

type Draft = ReturnType<typeof writeProduct>;

const writeProduct = (random: Random, leaf: Leaf, kind: Kind, authors: string[] | undefined) => {
  const { models, uses, sizes: sizeList } = { ...leaf, ...kind };
  const sizes = sizeList ? entries(sizeList) : undefined;
  const brand = random.pick(Object.keys(leaf.brands));
  const model = models ? models.map((words) => random.pick(entries(words))).join(' ') : '';
  const look = random.pick(entries(leaf.looks));
  const size = sizes && random.pick(sizes);
  const author = authors && random.pick(authors);
  const [a, b] = random.shuffle(entries(kind.features)) as [string, string];
  const [c, d] = random.shuffle(entries(leaf.features)) as [string, string];

  const tier = leaf.brands[brand] as number;
  const level = sizes
    ? 0.45 * (sizes.indexOf(size as string) / (sizes.length - 1)) + 0.4 * tier + 0.15 * random.next()
    : 0.6 * tier + 0.4 * random.next();
  const phrasing = random.pick(entries(leaf.phrasing ?? phrasings));
  return {
    brand,
    look,
    size,
    author,
    level,
    features: [a, b, c, d],
    name: fill(leaf.title, { brand, model, look, noun: kind.noun, size: size ?? '' }),
    short_description: `${kind.noun} with ${a} and ${c}.`,
    long_description: [
      kind.about,
      author && `Written by ${author}.`,
      fill(phrasing, { a, b, c, brand }),
      `${random.pick(entries(uses))}.`,
      `Plus ${d}.`,
      `Shown here: ${[size, look].filter(Boolean).join(', ')}.`,
    ]
      .filter(Boolean)
      .join(' '),
  };
};

interface ItemPlan {
  leaf: Leaf;
  kind: Kind;
  openedMs: number;
  discount: number;
}

const createItem = (random: Random, draft: Draft, { leaf, kind, openedMs, discount }: ItemPlan): Item => {
  const [low, high] = kind.price;
  const arrivesLater = random.chance(0.12);
  const createdMs = openedMs + (arrivesLater ? random.between(1, 84) : random.between(-2, -0.1)) * day;
  const editedMs = createdMs + (random.chance(0.3) ? random.between(0, 3) * day : 0);
  const product: Product = {
    product_id: random.uuid(),
    sku: '',
    name: draft.name,
    short_description: draft.short_description,
    long_description: draft.long_description,
    category_slug: leaf.slug,
    tags: [...kind.tags.split(', '), leaf.name, draft.brand, draft.look].map((tag) => tag.toLowerCase()),
    price: shelfPrice(low * (high / low) ** draft.level).toFixed(2),
    currency: 'INR',
    brand: draft.brand,
    available: !random.chance(0.03),
    created_at: toTime(createdMs),
    updated_at: toTime(editedMs),
    metadata_json: {
      generated_by: 'demo-shop',
      kind: kind.noun,
      look: draft.look,
      ...(draft.size ? { size: draft.size } : {}),
      ...(draft.author ? { author: draft.author } : {}),
      ...(leaf.warrantyMonths ? { warranty_months: leaf.warrantyMonths } : {}),
      country_of_origin: 'India',
      highlights: draft.features,
    },
    rating: '0.0',
    discount_percent: discount.toFixed(2),
  };
  return {
    product,
    leaf,
    kind,
    createdMs,
    features: draft.features,
    level: draft.level,
    popularity: 0,
    quality: 4.2 + 0.35 * random.normal(),
  };
};

/** Whole rupees that end as price tags in India do: 449, 1,299, 24,990. */
const shelfPrice = (rupees: number): number => {
  const [step, below] = rupees < 1_000 ? [50, 1] : rupees < 10_000 ? [100, 1] : [500, 10];
  return Math.round(rupees / step) * step - below;
};

const fill = (template: string, words: Record<string, string>): string =>
  template.replace(/\{(\w+)\}/g, (_, slot: string) => words[slot] ?? '');

const withoutDigits = (text: string) => text.replace(/\d+/g, '');

const initials = ({ product, kind }: Item): string => {
  const letters = (text: string) => text.toUpperCase().replace(/[^A-Z ]/g, '');
  const brand = letters(product.brand).replaceAll(' ', '').slice(0, 3);
  const noun = letters(kind.noun)
    .split(' ')
    .map((word) => word.slice(0, 2))
    .join('');
  return `${brand}-${noun.slice(0, 4)}`;
};
