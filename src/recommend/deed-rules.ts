import { deeds } from '../db/deeds.ts';
import type { UserSignals } from '../db/signals.ts';
import type { Signals } from './signals.ts';
import { sharedFloats, sharedIntegers } from './sparse.ts';

/** What stands behind a recommendation. */
export type DeedReason = 'viewed' | 'clicked' | 'carted' | 'wished' | 'rated' | 'bought';

/** What one kind of deed says of a product. */
export interface DeedRule {
  /** Below zero it speaks against the product. */
  weight: number;
  /** Its value is a rating: how much it says depends on that. */
  rated: boolean;
  /** The product is known to the user from then on and need not be recommended. */
  known: boolean;
  reason: DeedReason;
}

export interface DeedRules {
  /** Event types that say something, in the order that numbers them as kinds. */
  types: readonly string[];
  of(kind: number): DeedRule;
}

interface DeedSettings {
  EVENT_WEIGHTS: Readonly<Record<string, number>>;
  KNOWN_EVENT_TYPES: readonly string[];
}

/** A refund says more than that the purchase did not happen, but less than the purchase did. */
const refundShare = -0.25;

const reasons: Readonly<Record<string, DeedReason>> = {
  click: 'clicked',
  add_to_cart: 'carted',
  wishlist: 'wished',
  rate: 'rated',
  purchase: 'bought',
};

/** What every kind of deed says, by the settings. One of which nothing is said weighs nothing. */
export const deedRules = ({ EVENT_WEIGHTS, KNOWN_EVENT_TYPES }: DeedSettings): DeedRules => {
  const weightOf = (type: string): number => EVENT_WEIGHTS[type] ?? 0;
  const types = [...new Set([...Object.keys(EVENT_WEIGHTS), ...KNOWN_EVENT_TYPES])].filter(
    (type) => weightOf(type) > 0 || KNOWN_EVENT_TYPES.includes(type),
  );
  const ofTypes = types.map(
    (type): DeedRule => ({
      weight: weightOf(type),
      rated: type === 'rate',
      known: KNOWN_EVENT_TYPES.includes(type),
      reason: reasons[type] ?? 'viewed',
    }),
  );
  const rule = (weight: number, reason: DeedReason, { rated = false, known = false } = {}): DeedRule => ({
    ...{ weight, reason, rated, known },
  });
  const purchase = weightOf('purchase');
  const others = new Map<number, DeedRule>([
    [deeds.bought, rule(purchase, 'bought', { known: true })],
    // Only what is paid for counts; but nobody wants to be offered what is on its way already.
    [deeds.ordered, rule(0, 'bought', { known: true })],
    [deeds.refunded, rule(refundShare * purchase, 'bought')],
    [deeds.reviewed, rule(weightOf('rate'), 'rated', { rated: true, known: true })],
    [deeds.carted, rule(weightOf('add_to_cart'), 'carted')],
    [deeds.wished, rule(weightOf('wishlist'), 'wished')],
  ]);
  const nothing = rule(0, 'viewed');
  return { types, of: (kind) => (kind > 0 ? ofTypes[kind - 1] : others.get(kind)) ?? nothing };
};

/** A rating on the scale that signals have; 0 where none was given. Whatever lies beyond the scale is its end. */
const ratingOf = (value: number): number => (value === 0 ? 0 : Math.min(Math.max(value, 0.5), 5));

/**
 * These users' deeds as signals, in their order: user 0 is the first. `itemOf` numbers products, and what it gives -1 is
 * left out. The one way from deeds to signals, for training, for lists and for evaluation.
 */
export const toSignals = (
  users: readonly UserSignals[],
  rules: DeedRules,
  { itemCount, itemOf }: { itemCount: number; itemOf: (productNumber: number) => number },
): Signals => {
  const most = users.reduce((sum, { numbers }) => sum + numbers.length, 0);
  const signals: Signals = {
    userCount: users.length,
    itemCount,
    users: sharedIntegers(most),
    items: sharedIntegers(most),
    weights: sharedFloats(most),
    ratings: sharedFloats(most),
    times: new Float64Array(new SharedArrayBuffer(8 * most)),
  };
  let filled = 0;
  for (const [user, { numbers, kinds, times, values, at }] of users.entries()) {
    for (let entry = 0; entry < numbers.length; entry += 1) {
      const item = itemOf(numbers[entry] as number);
      if (item < 0) continue;
      const { weight, rated } = rules.of(kinds[entry] as number);
      signals.users[filled] = user;
      signals.items[filled] = item;
      // Of several ratings only the last counts.
      signals.weights[filled] = rated ? weight : weight * (times[entry] as number);
      signals.ratings[filled] = rated ? ratingOf(values[entry] as number) : 0;
      signals.times[filled] = at[entry] as number;
      filled += 1;
    }
  }
  return {
    ...signals,
    users: signals.users.subarray(0, filled),
    items: signals.items.subarray(0, filled),
    weights: signals.weights.subarray(0, filled),
    ratings: signals.ratings.subarray(0, filled),
    times: signals.times.subarray(0, filled),
  };
};
