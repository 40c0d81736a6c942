/** A number below 2³² that says nothing of its cause. */
const mix = (seed: number, value: number): number => {
  let mixed = Math.imul(seed ^ value, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
};

/** The end of an id is random, whatever kind of UUID it is. */
const hashOf = (id: string): number => mix(0x9e3779b9, Number.parseInt(id.slice(-8), 16));

/** About so many pairs are enough to tell a worse model from a better one. */
const enoughPairs = 1_000;
const shares = { least: 0.01, most: 0.05 };
/** Share of the users whose newest signals are held back as well. */
const newestShare = 0.1;

/**
 * Which signals no model is trained on, so that models can be compared by them: a fixed sample of pairs of user and
 * product, the same for every model (the larger the shop the smaller the share, and a smaller sample is part of every
 * larger one), and for some users what is newer than the model being served, which that cannot have seen either.
 */
export const createHoldBack = (signals: number, servingSince: number | undefined) => {
  const share = Math.min(Math.max(enoughPairs / Math.max(signals, 1), shares.least), shares.most);
  return (userId: string, productNumber: number, time: number): boolean => {
    const user = hashOf(userId);
    if (mix(user, productNumber) < share * 2 ** 32) return true;
    return servingSince !== undefined && time > servingSince && mix(user, 0x51ed270b) < newestShare * 2 ** 32;
  };
};
