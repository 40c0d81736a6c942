import type { Redis } from 'ioredis';
import { OutageError } from '../errors.ts';
import { mostSpeakers } from '../recommend/parameters.ts';
import { topItems } from '../recommend/top.ts';

/** What made a product stand on a list. The order is stored as numbers, so it only grows at the end. */
export const listReasons = [
  'viewed',
  'bought',
  'carted',
  'wished',
  'rated',
  'profile',
  'popular',
  'clicked',
] as const;
export type ListReason = (typeof listReasons)[number];

/** The weight of the collaborative score where the caller asks for none; what the order of stored lists is made with. */
export const defaultAlpha = 0.6;

/** A product that a user may be offered. */
export interface ListEntry {
  number: number;
  /** From 0 to 1, the best of its kind for this user being 1; 0 where this kind says nothing. */
  collaborative: number;
  content: number;
  /** Bought, reviewed or rated: only on the list of who asks for such ones too. */
  known: boolean;
  reason: ListReason;
  /** The product of the user's that stands for the reason; 0 without one. */
  because: number;
}

/** A product that a user had to do with. */
export interface ListSignal {
  number: number;
  /** From -1 to 1, the strongest being 1; below zero it counts against. */
  weight: number;
  /** What the user did that weighs most. */
  reason: ListReason;
}

/** What is stored for a user. One without entries says that nothing is known of them yet. */
export interface UserList {
  /** Epoch µs of the database's clock when the signals were read: an older list never overwrites a newer one. */
  version: number;
  /** 0 without one. */
  modelVersion: number;
  /** Of the index; 0 without one. */
  generation: number;
  /** The best by collaborative, by content and by the default blend, any order. */
  entries: readonly ListEntry[];
  /** The strongest first; the first `maxSignals` are kept. They make the profile that live answers search with. */
  signals: readonly ListSignal[];
  /** Every product bought, reviewed or rated, the newest first, whether it is an entry or not. */
  known: ArrayLike<number>;
}

/**
 * With Redis' own share a list then takes less than 4 KiB. Where a user knows very many products, the last entries give
 * way down to the best hundred, then the oldest of the known products.
 */
export const maxListBytes = 3_570;
const leastEntries = 100;
const maxSignals = mostSpeakers;

const listFormat = 1;
const aliasFormat = 2;
const versionAt = 1;
const headerBytes = 22;
const entryBytes = 10;
const signalBytes = 6;
const scoreSteps = 65_535;

/** Where a user's list lies in the cache Redis. */
export const userListKey = (prefix: string, userId: string): string => `${prefix}:list:${userId}`;

/** Where it is said whose session this is. */
export const sessionKey = (prefix: string, sessionId: string): string => `${prefix}:session:${sessionId}`;

const steps = (score: number): number => Math.round(Math.min(Math.max(score, 0), 1) * scoreSteps);

const blended = ({ collaborative, content }: ListEntry): number =>
  defaultAlpha * steps(collaborative) + (1 - defaultAlpha) * steps(content);

/** Ascending numbers as their differences, seven bits an octet. */
const packNumbers = (numbers: Uint32Array): number[] => {
  const octets: number[] = [];
  let last = 0;
  for (const number of numbers.toSorted()) {
    let step = number - last;
    if (step === 0) continue;
    for (; step > 127; step = Math.floor(step / 128)) octets.push((step % 128) | 128);
    octets.push(step);
    last = number;
  }
  return octets;
};

const packKnown = (numbers: ArrayLike<number>, most: number): number[] => {
  const known = new Uint32Array(numbers);
  let octets = packNumbers(known);
  for (let kept = known.length; octets.length > most; ) {
    kept = Math.min(kept - 1, Math.floor((kept * most) / octets.length));
    octets = packNumbers(known.subarray(0, kept));
  }
  return octets;
};

/** The products that stand for reasons must be among the signals; one that is not is put there, without weight. */
const tableOf = ({ signals, entries }: UserList): ListSignal[] => {
  const table = signals.slice(0, maxSignals);
  const named = new Set(table.map(({ number }) => number));
  for (const { because, reason } of entries) {
    if (table.length === maxSignals) break;
    if (because === 0 || named.has(because)) continue;
    named.add(because);
    table.push({ number: because, weight: 0, reason });
  }
  return table;
};

/** A list as it is stored, best first by the default blend. */
export const encodeList = (list: UserList): Buffer => {
  const table = tableOf(list);
  const room = maxListBytes - headerBytes - table.length * signalBytes;
  const atLeast = Math.min(list.entries.length, leastEntries);
  const known = packKnown(list.known, room - atLeast * entryBytes);
  const most = Math.floor((room - known.length) / entryBytes);
  const scores = new Float32Array(list.entries.length);
  list.entries.forEach((entry, place) => {
    scores[place] = blended(entry);
  });
  const best = topItems(scores, Math.min(most, scores.length));
  const places = new Map(table.map(({ number }, at) => [number, at + 1]));

  const packed = Buffer.alloc(
    headerBytes + best.items.length * entryBytes + table.length * signalBytes + known.length,
  );
  packed.writeUInt8(listFormat, 0);
  packed.writeDoubleBE(list.version, versionAt);
  packed.writeUInt32LE(list.modelVersion, 9);
  packed.writeUInt32LE(list.generation >>> 0, 13);
  packed.writeUInt16LE(best.items.length, 17);
  packed.writeUInt8(table.length, 19);
  packed.writeUInt16LE(known.length, 20);
  // Several times as fast as the writers of Buffer, of which there would be a thousand calls.
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = headerBytes;
  for (let nth = 0; nth < best.items.length; nth += 1) {
    const entry = list.entries[best.items[nth] as number] as ListEntry;
    view.setUint32(at, entry.number, true);
    view.setUint16(at + 4, steps(entry.collaborative), true);
    view.setUint16(at + 6, steps(entry.content), true);
    view.setUint8(at + 8, (listReasons.indexOf(entry.reason) << 1) | (entry.known ? 1 : 0));
    view.setUint8(at + 9, places.get(entry.because) ?? 0);
    at += entryBytes;
  }
  for (const { number, weight, reason } of table) {
    view.setUint32(at, number, true);
    view.setInt8(at + 4, Math.round(Math.min(Math.max(weight, -1), 1) * 127));
    view.setUint8(at + 5, listReasons.indexOf(reason));
    at += signalBytes;
  }
  packed.set(known, at);
  return packed;
};

/** A stored list, read where it lies: who wants ten entries does not pay for three hundred. */
export interface ListView {
  readonly version: number;
  readonly modelVersion: number;
  readonly generation: number;
  /** How many entries; they are counted from 0, best first by the default blend. */
  readonly count: number;
  numberAt(entry: number): number;
  collaborativeAt(entry: number): number;
  contentAt(entry: number): number;
  knownAt(entry: number): boolean;
  reasonAt(entry: number): ListReason;
  becauseAt(entry: number): number;
  readonly hasSignals: boolean;
  signals(): ListSignal[];
  /** Ascending. */
  known(): number[];
}

/** Undefined where there is no list, or none that this code can read. */
export const viewList = (packed: Buffer | null | undefined): ListView | undefined => {
  if (!packed || packed.length < headerBytes || packed[0] !== listFormat) return undefined;
  const count = packed.readUInt16LE(17);
  const signalCount = packed.readUInt8(19);
  const knownBytes = packed.readUInt16LE(20);
  const signalsAt = headerBytes + count * entryBytes;
  const knownAt = signalsAt + signalCount * signalBytes;
  if (packed.length !== knownAt + knownBytes) return undefined;
  const place = (entry: number) => headerBytes + entry * entryBytes;
  return {
    version: packed.readDoubleBE(versionAt),
    modelVersion: packed.readUInt32LE(9),
    generation: packed.readUInt32LE(13),
    count,
    numberAt: (entry) => packed.readUInt32LE(place(entry)),
    collaborativeAt: (entry) => packed.readUInt16LE(place(entry) + 4) / scoreSteps,
    contentAt: (entry) => packed.readUInt16LE(place(entry) + 6) / scoreSteps,
    knownAt: (entry) => ((packed[place(entry) + 8] as number) & 1) === 1,
    reasonAt: (entry) => listReasons[(packed[place(entry) + 8] as number) >> 1] ?? 'profile',
    becauseAt(entry) {
      const signal = packed[place(entry) + 9] as number;
      return signal === 0 ? 0 : packed.readUInt32LE(signalsAt + (signal - 1) * signalBytes);
    },
    hasSignals: signalCount > 0,
    signals: () =>
      Array.from({ length: signalCount }, (_, signal) => {
        const at = signalsAt + signal * signalBytes;
        return {
          number: packed.readUInt32LE(at),
          weight: packed.readInt8(at + 4) / 127,
          reason: listReasons[packed[at + 5] as number] ?? 'viewed',
        };
      }),
    known() {
      const numbers: number[] = [];
      let last = 0;
      let factor = 1;
      for (const octet of packed.subarray(knownAt)) {
        last += (octet & 127) * factor;
        factor = octet > 127 ? factor * 128 : 1;
        if (octet <= 127) numbers.push(last);
      }
      return numbers;
    },
  };
};

/** The whole of a stored list; undefined as `viewList`. */
export const decodeList = (packed: Buffer | null | undefined): UserList | undefined => {
  const view = viewList(packed);
  if (!view) return undefined;
  const { version, modelVersion, generation, count } = view;
  const entries = Array.from({ length: count }, (_, at) => ({
    number: view.numberAt(at),
    collaborative: view.collaborativeAt(at),
    content: view.contentAt(at),
    known: view.knownAt(at),
    reason: view.reasonAt(at),
    because: view.becauseAt(at),
  }));
  return { version, modelVersion, generation, entries, signals: view.signals(), known: view.known() };
};

/** Whose list to read instead: what lies under the id of a merged visitor, and under a session's. */
export const encodeAlias = (version: number, personId: string): Buffer => {
  const packed = Buffer.alloc(versionAt + 8 + 16);
  packed.writeUInt8(aliasFormat, 0);
  packed.writeDoubleBE(version, versionAt);
  packed.write(personId.replaceAll('-', ''), versionAt + 8, 'hex');
  return packed;
};

/** The person's id; undefined where this is no alias. */
export const decodeAlias = (packed: Buffer | null | undefined): string | undefined => {
  if (packed?.[0] !== aliasFormat || packed.length !== versionAt + 24) return undefined;
  const hex = packed.toString('hex', versionAt + 8);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

/**
 * KEYS: where; ARGV: what, seconds to live, and the version it may take the place of, where that is not any older one.
 * @returns 1 when written, 0 when something newer is there, or something else than is to be replaced.
 */
const writeUnlessNewer = `
local stored = redis.call('getrange', KEYS[1], 1, 8)
if #ARGV[3] == 8 and stored ~= ARGV[3] then
  return 0
end
if #stored == 8 and struct.unpack('>d', stored) > struct.unpack('>d', string.sub(ARGV[1], 2, 9)) then
  return 0
end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1`;

const packVersion = (version: number): Buffer => {
  const packed = Buffer.alloc(8);
  packed.writeDoubleBE(version);
  return packed;
};

/** @returns for each whether it was written */
const write = async (
  cache: Redis,
  values: readonly { key: string; packed: Buffer; seconds: number; insteadOf?: number | undefined }[],
): Promise<boolean[]> => {
  if (values.length === 0) return [];
  const pipeline = cache.pipeline();
  for (const { key, packed, seconds, insteadOf } of values)
    pipeline.eval(
      writeUnlessNewer,
      1,
      key,
      packed,
      seconds,
      insteadOf === undefined ? '' : packVersion(insteadOf),
    );
  const answers = await pipeline.exec().catch((error: unknown) => {
    throw new OutageError('the cache Redis is away', { cause: error });
  });
  return (answers ?? []).map(([error, answer]) => {
    if (error) throw new OutageError('the cache Redis refused a list', { cause: error });
    return answer === 1;
  });
};

/**
 * Store lists, each unless a newer one is there, or, where it may only take the place of one version, anything else.
 * @returns for each whether it was written. @throws OutageError; some may be written all the same, and doing it again is
 * harmless.
 */
export const writeLists = (
  cache: Redis,
  prefix: string,
  lists: readonly { userId: string; list: UserList; insteadOf?: number | undefined }[],
  { ttlSeconds }: { ttlSeconds: number },
): Promise<boolean[]> =>
  write(
    cache,
    lists.map(({ userId, list, insteadOf }) => ({
      key: userListKey(prefix, userId),
      packed: encodeList(list),
      seconds: ttlSeconds,
      insteadOf,
    })),
  );

/** What is known of nobody is asked again after this. */
const emptySeconds = 600;

/**
 * Take the lists of users away of whom nothing is known (any more). An empty one stays for ten minutes, so that a list
 * made from older signals, still under way, does not come back, and reads need not ask for one again and again.
 * @throws OutageError as `writeLists`.
 */
export const removeLists = (
  cache: Redis,
  prefix: string,
  users: readonly { userId: string; version: number }[],
): Promise<boolean[]> =>
  writeLists(
    cache,
    prefix,
    users.map(({ userId, version }) => ({
      userId,
      list: { version, modelVersion: 0, generation: 0, entries: [], signals: [], known: [] },
    })),
    { ttlSeconds: emptySeconds },
  );

/** Have the list of a merged visitor's person answered under the visitor's id. @throws OutageError as `writeLists`. */
export const writeAliases = (
  cache: Redis,
  prefix: string,
  aliases: readonly { userId: string; personId: string; version: number }[],
  { ttlSeconds }: { ttlSeconds: number },
): Promise<boolean[]> =>
  write(
    cache,
    aliases.map(({ userId, personId, version }) => ({
      key: userListKey(prefix, userId),
      packed: encodeAlias(version, personId),
      seconds: ttlSeconds,
    })),
  );

/** A visit is over by then. */
const sessionSeconds = 86_400;

/**
 * Remember whose sessions these are, for reads by someone of whom nothing else is known.
 * @throws OutageError as `writeLists`.
 */
export const writeSessions = (
  cache: Redis,
  prefix: string,
  sessions: readonly { sessionId: string; userId: string; version: number }[],
): Promise<boolean[]> =>
  write(
    cache,
    sessions.map(({ sessionId, userId, version }) => ({
      key: sessionKey(prefix, sessionId),
      packed: encodeAlias(version, userId),
      seconds: sessionSeconds,
    })),
  );
