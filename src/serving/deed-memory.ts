import type { Db } from '../db/database.ts';
import { addDeeds, findDeed, type MoreDeed } from '../db/deeds.ts';
import type { AddedRows, Moment } from '../db/dirty-keys.ts';
import { type AddedDeed, listAddedDeeds, listUserSignals, type ReadSignals } from '../db/signals.ts';
import type { Additions } from '../queue/follow-ups.ts';

/** Whose list is to be made, and what happened since the last one where that is known. */
export interface StaleUser {
  id: string;
  additions?: Additions | undefined;
}

/** What a user did, as a list is made from it. */
export interface Recalled {
  signals: ReadSignals;
  /**
   * The version of the list that was made from what this grew out of: only in place of that one a list may be stored,
   * for a newer one may know what is not in here. Undefined where all was read from PostgreSQL.
   */
  grownFrom: number | undefined;
}

interface Memory {
  /** `readAt` is the version of the list that was stored; `snapshot` says what of whatever is told later is in it. */
  signals: ReadSignals;
  /** When all was read. */
  wholeAt: number;
}

interface MemoryOptions {
  /** Interactions of other types are not looked at. */
  types: readonly string[];
  /** As for `listUserSignals`; those of whom it leaves something out are not remembered. */
  newest: number;
  /** Deeds of all users together: 22 octets each, and half a KiB a user. */
  mostDeeds?: number;
  /** All is read anew after so long, for nothing is to depend on that nobody ever changed Redis by hand. */
  forMs?: number;
  /** A monotonic clock, in ms. */
  now?: () => number;
}

/** What so many events more come to is found out sooner by reading all anew. */
const mostAdded = 2_000;

/** `xmin:xmax:xip,xip`, as PostgreSQL writes it. */
const parseSnapshot = (text: string) => {
  const [, xmax = '', xip = ''] = text.split(':');
  const end = Number(xmax);
  const underWay = new Set(xip === '' ? [] : xip.split(',').map(Number));
  /** Whether a transaction that has committed had done so when it was taken. */
  const sees = (xid: number): boolean => xid < end && !underWay.has(xid);
  return { end, underWay, sees };
};

type Snapshot = ReturnType<typeof parseSnapshot>;

/** Whether all that `earlier` sees is seen. Of two of the same server this is so one way or the other. */
const covers = (snapshot: Snapshot, earlier: Snapshot): boolean =>
  snapshot.end >= earlier.end && ![...snapshot.underWay].some(earlier.sees);

/**
 * What users did, remembered from one list to the next: where no more happened than that interactions came, only those are
 * read, each of which counts once, however often it is told of.
 *
 * Several processes make lists, and each clears the marks of what it has worked in. So memory is right only as long as the
 * list that is stored is the one that was made from it, of which its version is the proof: whoever works marks in stores a
 * list, or finds one that was made from later deeds, before clearing them. Hence `grownFrom`.
 */
export const createDeedMemory = (
  db: Db,
  { types, newest, mostDeeds = 1_000_000, forMs = 600_000, now = () => performance.now() }: MemoryOptions,
) => {
  /** The one that was used longest ago first. */
  const memories = new Map<string, Memory>();
  /** What is to be remembered if the list made from it is stored. */
  const pending = new WeakMap<Recalled, Memory>();
  let held = 0;
  const kinds = new Map(types.map((type, place) => [type, place + 1]));

  const forget = (person: string): void => {
    held -= memories.get(person)?.signals.numbers.length ?? 0;
    memories.delete(person);
  };

  const isOld = ({ wholeAt }: Memory): boolean => now() - wholeAt >= forMs;

  const forgetOld = (): void => {
    for (const [person, memory] of memories) {
      if (held <= mostDeeds && !isOld(memory)) return;
      forget(person);
    }
  };

  /** What these rows, some of them perhaps twice, are; undefined where all has to be read. `count`: how many marks tell of. */
  const moreOf = (
    signals: ReadSignals,
    rows: readonly AddedDeed[],
    count: number,
  ): { more: MoreDeed[]; events: number } | undefined => {
    const byId = new Map(rows.map((row) => [row.id, row]));
    // Some were changed since, or came in a part of a transaction, which has a number of its own.
    if (byId.size !== count) return undefined;
    const more: MoreDeed[] = [];
    const rated = new Set<number>();
    for (const { number, product_id, event_type, value, at } of byId.values()) {
      const kind = kinds.get(event_type);
      if (kind === undefined || product_id === null) continue;
      if (number === null) return undefined;
      if (event_type === 'rate') {
        // Of several ratings the last one counts, and when that was is not remembered.
        if (rated.has(number) || findDeed(signals, number, kind) >= 0) return undefined;
        rated.add(number);
      }
      more.push({ number, kind, value, at });
    }
    return { more, events: signals.events + more.length - rated.size };
  };

  /** Those of whom enough is remembered, with what came since. */
  const grow = async (stale: readonly StaleUser[]): Promise<Map<string, Recalled>> => {
    const known: { memory: Memory; asOf: Moment; rows: AddedDeed[]; count: number }[] = [];
    const asked: (AddedRows & { userId: string })[] = [];
    const askedFor: (typeof known)[number][] = [];
    for (const { id, additions } of stale) {
      const memory = additions && memories.get(id);
      if (!memory || isOld(memory)) continue;
      const now = parseSnapshot(additions.asOf.snapshot);
      const then = parseSnapshot(memory.signals.snapshot);
      const isNewer = covers(now, then);
      if (!(isNewer || covers(then, now))) continue;
      const fresh = additions.rows.filter(({ xid }) => !then.sees(xid));
      const count = fresh.reduce((sum, added) => sum + added.count, 0);
      if (count > mostAdded) continue;
      const user = { memory, asOf: isNewer ? additions.asOf : memory.signals, rows: [], count };
      known.push(user);
      for (const added of fresh) {
        asked.push({ ...added, userId: id });
        askedFor.push(user);
      }
    }
    for (const row of asked.length > 0 ? await listAddedDeeds(db, asked) : [])
      askedFor[row.nth]?.rows.push(row);
    const grown = new Map<string, Recalled>();
    for (const { memory, asOf, rows, count } of known) {
      const { signals } = memory;
      const told = moreOf(signals, rows, count);
      if (!told) continue;
      const { more, events } = told;
      const sum = more.length > 0 ? addDeeds(signals, more) : signals;
      if (events > newest && sum.numbers.length > newest) continue;
      // A version stands for one content.
      if (more.length > 0 && asOf.readAt <= signals.readAt) continue;
      const recalled = {
        grownFrom: signals.readAt,
        signals: {
          ...{ ...signals, ...sum, events },
          readAt: Math.max(signals.readAt, asOf.readAt),
          snapshot: asOf.snapshot,
        },
      };
      pending.set(recalled, { ...memory, signals: recalled.signals });
      grown.set(signals.person, recalled);
    }
    return grown;
  };

  const readWhole = async (ids: readonly string[]): Promise<Recalled[]> => {
    if (ids.length === 0) return [];
    const wholeAt = now();
    return (await listUserSignals(db, ids, { types, newest })).map((signals) => {
      const recalled = { signals, grownFrom: undefined };
      if (signals.whole) {
        pending.set(recalled, { signals: { ...signals, ...addDeeds(signals, []) }, wholeAt });
      }
      return recalled;
    });
  };

  return {
    /** What these users did, each person once. */
    async recall(stale: readonly StaleUser[]): Promise<Recalled[]> {
      forgetOld();
      const grown = await grow(stale);
      const whole = await readWhole(stale.flatMap(({ id }) => (grown.has(id) ? [] : [id])));
      // A merged id leads to its person, of whom all was read now.
      for (const { signals } of whole) grown.delete(signals.person);
      return [...grown.values(), ...whole];
    },
    /** The list made from it is stored. */
    remember(recalled: Recalled): void {
      const { person } = recalled.signals;
      forget(person);
      const memory = pending.get(recalled);
      if (!memory) return;
      memories.set(person, memory);
      held += memory.signals.numbers.length;
    },
    /** It is not: there is another list, or none. */
    forget,
  };
};
