/** What reading needs to know of a product. */
export interface Facts {
  number: number;
  /** The 16 octets of its UUID, as four words, big endian. */
  id: readonly [number, number, number, number];
  available: boolean;
  /** In hundredths, exact; NaN without one. */
  price: number;
  /** 0 without one. */
  category: number;
}

/** Octets of one product in what `pack_facts` (migrations/0023) makes. */
const size = 33;

/** Unpack what the database packed. @throws RangeError when it is cut off. */
export function* readFacts(packed: Uint8Array): Generator<Facts> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < packed.byteLength; at += size) {
    yield {
      id: [view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12)],
      number: view.getUint32(at + 16),
      available: view.getUint8(at + 20) === 1,
      price: view.getFloat64(at + 21),
      category: view.getInt32(at + 29),
    };
  }
}
