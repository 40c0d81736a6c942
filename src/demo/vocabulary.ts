import { beauty } from './goods-beauty.ts';
import { books } from './goods-books.ts';
import { electronics } from './goods-electronics.ts';
import { fashion } from './goods-fashion.ts';
import { home } from './goods-home.ts';
import { sports } from './goods-sports.ts';

/** What a shop sells under one leaf of its category tree, and the words it uses for it. Lists in a string: `a; b; c`. */
export interface Leaf {
  slug: string;
  name: string;
  /** Slug of the category above. */
  parent: string;
  /** How many products the demo shop has of it. */
  products: number;
  /** How a product is called: `{brand}`, `{model}`, `{noun}`, `{look}` and `{size}` are filled in. */
  title: string;
  /** Brand → where it sits between the cheapest (0) and the dearest (1). The brands are invented. */
  brands: Record<string, number>;
  /** Any of the first words with any of the second; a kind may bring its own. */
  models?: readonly [string, string];
  looks: string;
  /** From the cheapest up, because the price follows the place in the list. */
  sizes?: string;
  /** Noun phrases that fit every kind of the leaf. */
  features: string;
  /** Whole sentences, separated by `; `: for whom, for what. */
  uses: string;
  /** How `{a}`, `{b}` and `{c}`, three features, become a sentence, where the usual way does not fit. */
  phrasing?: string;
  /** Its products have an author. */
  authored?: boolean;
  warrantyMonths: number;
  kinds: readonly Kind[];
}

/** One sort of thing within a leaf, with what only it can have. */
export interface Kind {
  noun: string;
  /** INR, from the plainest to the best. */
  price: readonly [number, number];
  about: string;
  features: string;
  tags: string;
  /** Instead of the leaf's, where those do not fit. */
  models?: readonly [string, string];
  sizes?: string;
  uses?: string;
}

/** The inner nodes of the category tree, parents first. */
export const branches: readonly { slug: string; name: string; parent: string | null }[] = [
  { slug: 'electronics', name: 'Electronics', parent: null },
  { slug: 'fashion', name: 'Fashion', parent: null },
  { slug: 'fashion-footwear', name: 'Footwear', parent: 'fashion' },
  { slug: 'home', name: 'Home', parent: null },
  { slug: 'sports', name: 'Sports', parent: null },
  { slug: 'beauty', name: 'Beauty', parent: null },
  { slug: 'books', name: 'Books', parent: null },
];

/** The entries of a list written as `a; b; c`. */
export const entries = (list: string): string[] => list.split('; ');

/** Every leaf of the category tree: 19 of them, 1,331 products in all. */
export const leaves: readonly Leaf[] = [...electronics, ...fashion, ...home, ...sports, ...beauty, ...books];
