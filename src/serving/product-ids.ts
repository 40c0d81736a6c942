/** Four words of a UUID, big endian. */
export type IdWords = readonly [number, number, number, number];

/** A UUID in its usual spelling. */
export const wordsOf = (id: string): IdWords => [
  Number.parseInt(id.slice(0, 8), 16),
  Number.parseInt(id.slice(9, 13) + id.slice(14, 18), 16),
  Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16),
  Number.parseInt(id.slice(28, 36), 16),
];

const hex = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** Eight digits by table: lists are ids for the most part, and this is several times as quick as `toString`. */
const hexOf = (word: number): string =>
  (hex[word >>> 24] as string) +
  (hex[(word >>> 16) & 255] as string) +
  (hex[(word >>> 8) & 255] as string) +
  (hex[word & 255] as string);

/** So many spelled ids are kept, a megabyte: what is read is the same few products over and over. */
const keptSpellings = 16_384;

/** UUIDs of one time begin alike, so all four words are mixed. */
const hashOf = (a: number, b: number, c: number, d: number): number => {
  let mixed = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ c, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 13) ^ d, 0x27d4eb2f);
  return (mixed ^ (mixed >>> 16)) >>> 0;
};

/**
 * Ids by number and numbers by id, for small dense numbers from 1 on: 16 octets a product and an open-addressed table of
 * numbers, 24 to 32 octets in all where a Map of strings would take some 150.
 */
export const createProductIds = () => {
  let words = new Uint32Array(4 * 1_024);
  let slots = new Uint32Array(2_048);
  let count = 0;
  let highest = 0;
  const spelled: string[] = [];
  const spelledNumbers = new Int32Array(keptSpellings).fill(-1);

  const slotOf = ([a, b, c, d]: IdWords): number => {
    const mask = slots.length - 1;
    for (let slot = hashOf(a, b, c, d) & mask; ; slot = (slot + 1) & mask) {
      const at = 4 * (slots[slot] as number);
      if (at === 0) return slot;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  };
  const idWords = (number: number): IdWords =>
    words.subarray(4 * number, 4 * number + 4) as unknown as IdWords;
  const grow = () => {
    const numbers = slots;
    slots = new Uint32Array(2 * numbers.length);
    for (const number of numbers) if (number !== 0) slots[slotOf(idWords(number))] = number;
  };

  const spell = (number: number): string => {
    const at = 4 * number;
    const [b, c] = [hexOf(words[at + 1] ?? 0), hexOf(words[at + 2] ?? 0)];
    return `${hexOf(words[at] ?? 0)}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${hexOf(words[at + 3] ?? 0)}`;
  };

  return {
    /** The highest number there is. */
    get highest(): number {
      return highest;
    },
    /** How many there are. */
    get count(): number {
      return count;
    },
    /** Adding what is there already is fine: an id keeps its number for ever. */
    add(number: number, id: IdWords): void {
      if (4 * number + 4 > words.length) {
        const longer = new Uint32Array(Math.max(2 * words.length, 4 * number + 4));
        longer.set(words);
        words = longer;
      }
      const slot = slotOf(id);
      if (slots[slot] !== 0) return;
      words.set(id, 4 * number);
      slots[slot] = number;
      // It may have been asked for before.
      spelledNumbers[number % keptSpellings] = -1;
      highest = Math.max(highest, number);
      count += 1;
      if (2 * count > slots.length) grow();
    },
    /** Undefined for an id that is not known. */
    numberOf(id: string): number | undefined {
      return slots[slotOf(wordsOf(id))] || undefined;
    },
    idOf(number: number): string {
      const place = number % keptSpellings;
      if (spelledNumbers[place] === number) return spelled[place] as string;
      const id = spell(number);
      spelledNumbers[place] = number;
      spelled[place] = id;
      return id;
    },
  };
};
