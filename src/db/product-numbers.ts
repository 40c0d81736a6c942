/** Products' numbers by their ids, as the sixteen octets that they are in PostgreSQL. */
export interface ProductNumbers {
  /** Of the id that begins at this octet; 0 where it is not known here. Numbers begin with 1. */
  at(octets: DataView, place: number): number;
  add(id: string, number: number): void;
}

const idBytes = 16;
const idWords = idBytes / 4;

/** An open hash table over typed arrays: millions of look-ups a second, for which strings would be most of the work. */
export const createProductNumbers = (): ProductNumbers => {
  let capacity = 1_024;
  let words = new Int32Array(capacity * idWords);
  let numbers = new Uint32Array(capacity);
  let count = 0;

  /** Where the id is, or the free place where it would be. */
  const placeOf = (one: number, two: number, three: number, four: number): number => {
    const mixed = Math.imul(one ^ Math.imul(two, 0x85ebca6b), 31) ^ Math.imul(three, 0xc2b2ae35) ^ four;
    let slot = (Math.imul(mixed, 0x9e3779b1) >>> 7) & (capacity - 1);
    for (; numbers[slot] !== 0; slot = (slot + 1) & (capacity - 1)) {
      const first = slot * idWords;
      if (
        words[first + 3] === four &&
        words[first + 2] === three &&
        words[first + 1] === two &&
        words[first] === one
      )
        break;
    }
    return slot;
  };

  const put = (one: number, two: number, three: number, four: number, number: number): void => {
    const slot = placeOf(one, two, three, four);
    if (numbers[slot] === 0) count += 1;
    words.set([one, two, three, four], slot * idWords);
    numbers[slot] = number;
  };

  const grow = (): void => {
    const [oldWords, oldNumbers] = [words, numbers];
    capacity *= 2;
    words = new Int32Array(capacity * idWords);
    numbers = new Uint32Array(capacity);
    count = 0;
    for (let slot = 0; slot < oldNumbers.length; slot += 1) {
      const number = oldNumbers[slot] as number;
      const [one = 0, two = 0, three = 0, four = 0] = oldWords.subarray(slot * idWords, (slot + 1) * idWords);
      if (number !== 0) put(one, two, three, four, number);
    }
  };

  const wordsAt = (octets: DataView, place: number): [number, number, number, number] => [
    octets.getInt32(place),
    octets.getInt32(place + 4),
    octets.getInt32(place + 8),
    octets.getInt32(place + 12),
  ];

  return {
    at: (octets, place) => numbers[placeOf(...wordsAt(octets, place))] as number,
    add(id, number) {
      if (2 * count >= capacity) grow();
      const octets = Buffer.from(id.replaceAll('-', ''), 'hex');
      put(...wordsAt(new DataView(octets.buffer, octets.byteOffset, idBytes), 0), number);
    },
  };
};
