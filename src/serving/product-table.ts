import { readFacts } from './facts.ts';
import { createProductIds } from './product-ids.ts';

/** What products must be like, beside available. Prices in hundredths; without a price a product fits no bound. */
export interface ProductFilter {
  /** Numbers of categories. */
  categories?: ReadonlySet<number> | undefined;
  minPrice?: number | undefined;
  maxPrice?: number | undefined;
}

interface CachedFilter {
  filter: ProductFilter;
  bits: Uint8Array;
}

/** Bits of so many filters are kept; at a million products each is 125 kB. */
const cachedFilters = 64;

const longer = <T extends Float64Array | Int32Array | Uint8Array>(old: T, made: T): T => {
  made.set(old as never);
  return made;
};

/** Facts of products by number, in typed arrays: 45 to 61 octets a product with their ids. */
export const createProductTable = () => {
  const ids = createProductIds();
  let prices = new Float64Array(1_024);
  let categories = new Int32Array(1_024);
  let available = new Uint8Array(1_024);
  let versions = new Float64Array(1_024);
  const cache = new Map<string, CachedFilter>();

  const reserve = (number: number) => {
    if (number < prices.length) return;
    const length = Math.max(2 * prices.length, number + 1);
    prices = longer(prices, new Float64Array(length));
    categories = longer(categories, new Int32Array(length));
    available = longer(available, new Uint8Array(length));
    versions = longer(versions, new Float64Array(length));
    // Their bits are too short now.
    cache.clear();
  };

  const allows = (number: number, { categories: wanted, minPrice, maxPrice }: ProductFilter): boolean =>
    available[number] === 1 &&
    (wanted === undefined || wanted.has(categories[number] as number)) &&
    // Written so that NaN, no price, fits neither.
    (minPrice === undefined || (prices[number] as number) >= minPrice) &&
    (maxPrice === undefined || (prices[number] as number) <= maxPrice);

  const mark = (bits: Uint8Array, number: number, set: boolean) => {
    const octet = bits[number >> 3] as number;
    bits[number >> 3] = set ? octet | (1 << (number & 7)) : octet & ~(1 << (number & 7));
  };

  /** All at once: asking `allows` of a million products would hold up everybody else for too long. */
  const fill = (bits: Uint8Array, { categories: wanted, minPrice, maxPrice }: ProductFilter) => {
    const isWanted = new Uint8Array(Math.max(0, ...(wanted ?? [])) + 1);
    for (const category of wanted ?? []) isWanted[category] = 1;
    const least = minPrice ?? Number.NEGATIVE_INFINITY;
    const most = maxPrice ?? Number.POSITIVE_INFINITY;
    const isBounded = minPrice !== undefined || maxPrice !== undefined;
    for (let number = 1; number <= ids.highest; number += 1) {
      if (available[number] !== 1) continue;
      if (wanted && isWanted[categories[number] as number] !== 1) continue;
      const price = prices[number] as number;
      if (isBounded && !(price >= least && price <= most)) continue;
      bits[number >> 3] = (bits[number >> 3] as number) | (1 << (number & 7));
    }
  };

  return {
    ids,
    /** Take over packed facts; a product's are ignored when newer ones are here, unless `always`. */
    apply(packed: Uint8Array, version: number, { always = false } = {}): void {
      for (const facts of readFacts(packed)) {
        const { number } = facts;
        reserve(number);
        if (!always && (versions[number] as number) > version) continue;
        ids.add(number, facts.id);
        prices[number] = facts.price;
        categories[number] = facts.category;
        available[number] = facts.available ? 1 : 0;
        versions[number] = version;
        for (const { filter, bits } of cache.values()) mark(bits, number, allows(number, filter));
      }
    },
    /** Whether a product is available and fits. */
    allows,
    /** A bit per number: which products are available and fit. Kept current from then on; not to be written to. */
    allowed(filter: ProductFilter, key: string): Uint8Array {
      const known = cache.get(key);
      cache.delete(key);
      const entry = known ?? { filter, bits: new Uint8Array((prices.length + 7) >> 3) };
      cache.set(key, entry);
      if (known) return known.bits;
      fill(entry.bits, filter);
      const [oldest] = cache.keys();
      if (cache.size > cachedFilters && oldest !== undefined) cache.delete(oldest);
      return entry.bits;
    },
    /** The numbers among these bits, unless there are more than `most`. */
    numbersOf(bits: Uint8Array, most: number): number[] | undefined {
      const numbers: number[] = [];
      for (let at = 0; at < bits.length; at += 1) {
        for (let octet = bits[at] as number, number = 8 * at; octet !== 0; octet >>= 1, number += 1) {
          if (octet & 1) numbers.push(number);
        }
        if (numbers.length > most) return undefined;
      }
      return numbers;
    },
    /** What a filter's categories are has changed. */
    forgetFilters(): void {
      cache.clear();
    },
    /** In hundredths; NaN without one. */
    priceOf: (number: number): number => prices[number] ?? Number.NaN,
    /** 0 without one. */
    categoryOf: (number: number): number => categories[number] ?? 0,
  };
};
