import type { Db } from '../db/database.ts';
import { listUserIds, listUserSignals } from '../db/signals.ts';
import { type DeedRules, toSignals } from '../recommend/deed-rules.ts';
import { isLiking, type Signals } from '../recommend/signals.ts';
import { sharedFloats, sharedIntegers } from '../recommend/sparse.ts';
import { createHoldBack } from './hold-back.ts';

/** What users did that no model was trained on, to compare models by. */
export interface Exam {
  /** What else these users did; items are product numbers. */
  signals: Signals;
  /** Product numbers that each user liked besides; never empty. */
  wanted: Uint32Array[];
}

export interface Collected {
  /** To train on: everything but what is held back. */
  signals: Signals;
  /** The product's number of each item. */
  products: Uint32Array;
  exam: Exam;
  /** How many signals there are in all. */
  count: number;
}

interface CollectOptions {
  rules: DeedRules;
  newest: number;
  /** About how many signals there are. */
  expected: number;
  /** When the model was trained that is served now (epoch seconds); undefined without one. */
  servingSince: number | undefined;
  onPage: (users: number) => Promise<void>;
}

const pageUsers = 500;
/** More do not make a comparison noticeably surer. */
const examUsers = 4_000;
/** Of less than this nothing can be foretold. */
const leastSignals = 4;

type Columns = Pick<Signals, 'users' | 'items' | 'weights' | 'ratings' | 'times'>;

/** Arrays in shared memory, so that threads read them without a copy; longer ones when they are full. */
const createColumns = () => {
  const make = (length: number): Columns => ({
    users: sharedIntegers(length),
    items: sharedIntegers(length),
    weights: sharedFloats(length),
    ratings: sharedFloats(length),
    times: new Float64Array(new SharedArrayBuffer(8 * length)),
  });
  let columns = make(1 << 16);
  let filled = 0;
  const names = Object.keys(columns) as (keyof Columns)[];
  return {
    add(from: Columns, at: number, user: number): void {
      if (filled === columns.users.length) {
        const longer = make(2 * filled);
        for (const name of names) longer[name].set(columns[name]);
        columns = longer;
      }
      for (const name of names) columns[name][filled] = from[name][at] as number;
      columns.users[filled] = user;
      filled += 1;
    },
    get count() {
      return filled;
    },
    signals: (userCount: number, itemCount: number): Signals => ({
      ...{ userCount, itemCount },
      users: columns.users.subarray(0, filled),
      items: columns.items.subarray(0, filled),
      weights: columns.weights.subarray(0, filled),
      ratings: columns.ratings.subarray(0, filled),
      times: columns.times.subarray(0, filled),
    }),
  };
};

/** Read what all users did, page by page, and set aside what is held back. */
export const collectSignals = async (db: Db, options: CollectOptions): Promise<Collected> => {
  const { rules, newest, expected, servingSince, onPage } = options;
  const isHeldBack = createHoldBack(expected, servingSince);
  const training = createColumns();
  const exam = createColumns();
  const wanted: Uint32Array[] = [];
  const products: number[] = [];
  const itemOf: number[] = [];
  const item = (number: number): number => {
    const known = itemOf[number];
    if (known !== undefined) return known;
    itemOf[number] = products.length;
    return products.push(number) - 1;
  };
  let users = 0;
  let count = 0;
  let highest = 0;

  const read = async (after: string | null) => {
    const ids = (await listUserIds(db, after, pageUsers)).map(({ user_id }) => user_id);
    return { ids, page: await listUserSignals(db, ids, { types: rules.types, newest }) };
  };
  // The next page is read while this one is worked on.
  let next = read(null);
  for (;;) {
    const { ids, page } = await next;
    if (ids.length === 0) break;
    next = read(ids.at(-1) ?? null);
    next.catch(() => {});
    const signals = toSignals(page, rules, { itemCount: 0, itemOf: (number) => number });
    count += signals.users.length;
    for (let at = 0; at < signals.users.length; ) {
      const person = signals.users[at] as number;
      const id = (page[person] as (typeof page)[number]).person;
      const kept: number[] = [];
      const liked = new Set<number>();
      for (; at < signals.users.length && signals.users[at] === person; at += 1) {
        const number = signals.items[at] as number;
        highest = Math.max(highest, number);
        if (!isHeldBack(id, number, signals.times[at] as number)) kept.push(at);
        else if (isLiking(signals, at)) liked.add(number);
      }
      const had = new Set(kept.map((place) => signals.items[place]));
      const news = [...liked].filter((number) => !had.has(number));
      if (news.length > 0 && kept.length >= leastSignals && wanted.length < examUsers) {
        for (const place of kept) exam.add(signals, place, wanted.length);
        wanted.push(Uint32Array.from(news));
      }
      for (const place of kept) {
        const number = signals.items[place] as number;
        signals.items[place] = item(number);
        training.add(signals, place, users);
        signals.items[place] = number;
      }
      users += 1;
    }
    await onPage(users);
  }
  return {
    signals: training.signals(users, products.length),
    products: Uint32Array.from(products),
    exam: { signals: exam.signals(wanted.length, highest + 1), wanted },
    count,
  };
};
