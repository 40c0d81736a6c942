import { randomFillSync, randomInt } from 'node:crypto';

const digits3 = Array.from({ length: 4_096 }, (_, n) => n.toString(16).padStart(3, '0'));
const bytesPerId = 6;
const pool = Buffer.alloc(512 * bytesPerId);
let random = '';
let used = 0;
let ms = 0;
let time = '';
// Counts on, 26 bits, so that of two ids of one millisecond the later is the greater.
let sequence = randomInt(2 ** 25);

/**
 * A new UUIDv7 (RFC 9562, 5.7): the time in ms, a counter, 48 random bits. Every event without an id gets one; the library
 * takes more than twice as long, and asks the system for randomness once an id besides.
 */
export const freshId = (): string => {
  if (used === random.length) {
    random = randomFillSync(pool).toString('hex');
    used = 0;
  }
  const now = Date.now();
  if (now !== ms) {
    ms = now;
    const hex = now.toString(16).padStart(12, '0');
    time = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
  }
  sequence = (sequence + 1) & 0x3ff_ffff;
  const own = random.slice(used, used + 2 * bytesPerId);
  used += 2 * bytesPerId;
  const variant = '89ab'[(sequence >> 12) & 3];
  return `${time}${digits3[sequence >> 14]}-${variant}${digits3[sequence & 0xfff]}-${own}`;
};
