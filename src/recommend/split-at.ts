import { createRandom } from '../demo/random.ts';
import { filterSignals, isLiking, type Signals } from './signals.ts';
import type { Split } from './split.ts';

/** What users turned to that is new to them, for those of whom anything is learned; at most `maxUsers`, drawn by the seed. */
const askFor = (
  training: Signals,
  wantedBy: ReadonlyMap<number, ReadonlySet<number>>,
  { maxUsers, seed }: { maxUsers: number; seed: number },
): Omit<Split, 'byTime'> => {
  const known = new Set(training.items);
  const had = new Map<number, Set<number>>();
  training.users.forEach((user, at) => {
    if (!wantedBy.has(user)) return;
    const own = had.get(user) ?? new Set();
    had.set(user, own.add(training.items[at] as number));
  });
  const asked = [...wantedBy].flatMap(([user, items]) => {
    const own = had.get(user);
    const fresh = Uint32Array.from(items).filter((item) => known.has(item) && !own?.has(item));
    return own && fresh.length > 0 ? [{ user, fresh }] : [];
  });
  const drawn = createRandom(seed, 'asked')
    .shuffle(asked)
    .slice(0, maxUsers)
    .sort((one, other) => one.user - other.user);
  return {
    training,
    users: Uint32Array.from(drawn, ({ user }) => user),
    wanted: drawn.map(({ fresh }) => fresh),
  };
};

/** Learn from what was before a time (seconds since 1970), and ask for what users turned to from then on. */
export const splitAt = (
  signals: Signals,
  time: number,
  options: { maxUsers: number; seed: number },
): Split => {
  const training = filterSignals(signals, (at) => (signals.times[at] as number) < time);
  const wanted = new Map<number, Set<number>>();
  signals.users.forEach((user, at) => {
    if ((signals.times[at] as number) < time || !isLiking(signals, at)) return;
    wanted.set(user, (wanted.get(user) ?? new Set()).add(signals.items[at] as number));
  });
  return { ...askFor(training, wanted, options), byTime: true };
};

/** Learn from all signals, and ask for what is known of what came after them. */
export const splitBy = (
  signals: Signals,
  later: ReadonlyMap<number, ReadonlySet<number>>,
  options: { maxUsers: number; seed: number },
): Split => ({ ...askFor(signals, later, options), byTime: true });
