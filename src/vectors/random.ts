/** Numbers in [0, 1) that are the same for the same seed (mulberry32), so that the same rows give the same index. */
export const seededRandom = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** `count` different whole numbers below `limit`, in random order. */
export const sample = (limit: number, count: number, random: () => number): Uint32Array => {
  const all = Uint32Array.from({ length: limit }, (_, at) => at);
  const picked = Math.min(count, limit);
  for (let at = 0; at < picked; at += 1) {
    const other = at + Math.floor(random() * (limit - at));
    const kept = all[at] as number;
    all[at] = all[other] as number;
    all[other] = kept;
  }
  return all.subarray(0, picked);
};

/** Normally distributed numbers (Box and Muller's method). */
export const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
