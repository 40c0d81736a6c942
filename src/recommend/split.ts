import { createRandom } from '../demo/random.ts';
import { filterSignals, isLiking, type Signals } from './signals.ts';

/** Signals to learn from, and what some users turned to after them. */
export interface Split {
  training: Signals;
  /** The users asked about, ascending, and the new items of each; never empty. */
  users: Uint32Array;
  wanted: Uint32Array[];
  /** False: the times say nothing of order, and what is hidden was drawn. */
  byTime: boolean;
}

/** Share of a user's signals that is hidden. */
const hiddenShare = 0.2;
/** Users with fewer signals are learned from, not asked about. */
const minSignals = 5;

/** Do the times say in which order a user did things? Imports often carry one time for all. */
const timesCarryOrder = ({ users, times, userCount }: Signals, places: Uint32Array[]): boolean => {
  let active = 0;
  let ordered = 0;
  for (let user = 0; user < userCount; user += 1) {
    const own = places[user] as Uint32Array;
    if (own.length < minSignals) continue;
    active += 1;
    if (new Set(own.map((at) => times[at] as number)).size * 4 >= own.length) ordered += 1;
  }
  return users.length > 0 && ordered * 2 >= active;
};

/** Which entries are each user's. */
const placesOf = ({ users, userCount }: Signals): Uint32Array[] => {
  const counts = new Uint32Array(userCount);
  for (const user of users) counts[user] = (counts[user] as number) + 1;
  const places = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  users.forEach((user, at) => {
    (places[user] as Uint32Array)[counts[user] as number] = at;
    counts[user] = (counts[user] as number) + 1;
  });
  return places;
};

/**
 * Hide the newest fifth of the signals of at most `maxUsers` active users, drawn by the seed. Everybody else's are all
 * learned from, so that a model of the rest is nearly as good as one of everything. An item that a user had already, or
 * that nobody has any more, is not asked for.
 */
export const splitSignals = (
  signals: Signals,
  { maxUsers, seed }: { maxUsers: number; seed: number },
): Split => {
  const random = createRandom(seed, 'split');
  const places = placesOf(signals);
  const byTime = timesCarryOrder(signals, places);
  const active = Array.from(places.keys()).filter(
    (user) => (places[user] as Uint32Array).length >= minSignals,
  );
  const hidden = new Uint8Array(signals.users.length);
  const asked = random
    .shuffle(active)
    .slice(0, maxUsers)
    .sort((one, other) => one - other);
  for (const user of asked) {
    // Drawing first decides between equal times too: files often list a user's signals by item.
    const own = random.shuffle(Array.from(places[user] as Uint32Array));
    if (byTime) own.sort((one, other) => (signals.times[one] as number) - (signals.times[other] as number));
    for (const at of own.slice(Math.ceil(own.length * (1 - hiddenShare)))) hidden[at] = 1;
  }
  const training = filterSignals(signals, (at) => hidden[at] === 0);
  const known = new Uint8Array(signals.itemCount);
  for (const item of training.items) known[item] = 1;

  const users: number[] = [];
  const wanted: Uint32Array[] = [];
  for (const user of asked) {
    const own = places[user] as Uint32Array;
    const had = new Set<number>();
    for (const at of own) if (hidden[at] === 0) had.add(signals.items[at] as number);
    const items = new Set<number>();
    for (const at of own) {
      const item = signals.items[at] as number;
      if (hidden[at] === 1 && isLiking(signals, at) && known[item] === 1 && !had.has(item)) items.add(item);
    }
    if (items.size === 0) continue;
    users.push(user);
    wanted.push(Uint32Array.from(items));
  }
  return { training, users: Uint32Array.from(users), wanted, byTime };
};
