import type { DemoShop } from '../db/demo-shop.ts';
import { day, historyDays, hour, minute, toTime } from './calendar.ts';
import type { Device, Person } from './people.ts';
import { createWheel, type Random } from './random.ts';

/** One stay of one person: when it begins, from which device, and how many events it has. */
export interface Visit {
  sessionId: string;
  person: Person;
  startMs: number;
  events: number;
  source: Device;
  context: Record<string, unknown>;
}

const visits = 1_900;
const interactions = 100_000;

/** The longest pause between two events of a visit. */
export const longestPauseMs = minute;

/** What a visit may need at most: an order and a review after the last event included. */
const allowance = ({ events }: { events: number }) => events * longestPauseMs + 10 * minute;

/**
 * Every visit of the ninety days before `nowMs`, grouped by person, oldest first. A person has at most one a day, and
 * it is over before the next can begin, so the visits of a person are one story.
 */
export const createVisits = (random: Random, people: readonly Person[], nowMs: number): Visit[][] => {
  const plans = people.map((person) => {
    // Most are customers already when the history begins.
    const joinedDaysAgo = random.chance(0.6)
      ? random.int(historyDays - 4, historyDays)
      : random.int(12, historyDays);
    return { person, joinedDaysAgo, days: 1 };
  });
  for (let planned = plans.length; planned < visits; planned += 1) {
    const open = plans.filter(({ days, joinedDaysAgo }) => days < joinedDaysAgo);
    createWheel(random, open, ({ person, joinedDaysAgo }) => person.activity * joinedDaysAgo)().days += 1;
  }

  const counts = shareOut(
    interactions,
    Array.from({ length: visits }, () => Math.exp(0.6 * random.normal())),
  );
  return plans.map(({ person, joinedDaysAgo, days }) => {
    const later = random.shuffle(Array.from({ length: joinedDaysAgo - 1 }, (_, index) => index + 1));
    const daysAgo = [joinedDaysAgo, ...later.slice(0, days - 1)].sort((a, b) => b - a);
    return daysAgo.map((ago) => createVisit(random, person, { ago, events: counts.pop() as number, nowMs }));
  });
};

/** The row of a visit that ended at `endMs`. */
export const toSessionRow = (visit: Visit, endMs: number): DemoShop['sessions'][number] => ({
  session_id: visit.sessionId,
  user_id: visit.person.userId,
  started_at: toTime(visit.startMs),
  ended_at: toTime(endMs),
  context: visit.context,
});

const createVisit = (
  random: Random,
  person: Person,
  { ago, events, nowMs }: { ago: number; events: number; nowMs: number },
): Visit => {
  // A day here is the 24 hours that end at the time of day it is now.
  const dayMs = nowMs - ago * day;
  const untilHour = (hourOfDay(random) * hour - localTimeOfDay(dayMs) + day) % day;
  const [usual, other] = person.devices as [Device, Device | undefined];
  const source = other && random.chance(0.25) ? other : usual;
  return {
    sessionId: random.uuid(),
    person,
    startMs: Math.round(dayMs + Math.min(untilHour, day - allowance({ events }))),
    events,
    source,
    context: {
      referrer: random.pick(['direct', 'direct', 'google', 'google', 'instagram', 'whatsapp', 'email']),
      campaign: random.chance(0.7)
        ? null
        : random.pick(['festive_sale', 'new_arrivals', 'payday', 'win_back']),
      device_type: source.device.type,
    },
  };
};

/** Few in the morning, some at lunch, most in the evening; in hours. */
const hourOfDay = (random: Random): number => {
  const [middle, spread] = random.pick([
    [9.5, 1.5],
    [13.5, 1.2],
    [20.5, 1.6],
    [21, 1.4],
  ]) as [number, number];
  return Math.min(23.5, Math.max(6, middle + spread * random.normal()));
};

const indianOffset = 5.5 * hour;
const localTimeOfDay = (ms: number) => (ms + indianOffset) % day;

/** Whole shares of `total` in proportion to the weights, each at least 1, the sum exact. */
const shareOut = (total: number, weights: number[]): number[] => {
  const sum = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => 1 + Math.floor((weight / sum) * (total - weights.length)));
  const missing = total - shares.reduce((a, b) => a + b, 0);
  return shares.map((share, index) => share + (index < missing ? 1 : 0));
};
