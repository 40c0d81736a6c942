import { randomFillSync, randomInt } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const bytesPerId = 16;
const pool = new Uint8Array(512 * bytesPerId);
let used = pool.length;
// Counts on, so that of two ids of one millisecond the later is the greater.
let sequence = randomInt(2 ** 31);

/** A new UUIDv7. The library asks the system for randomness once an id, which costs more than all else it does. */
export const freshId = (): string => {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + bytesPerId);
  used += bytesPerId;
  sequence = (sequence + 1) >>> 0;
  return uuidv7({ random, seq: sequence });
};
