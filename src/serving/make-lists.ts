import type { UserSignals } from '../db/signals.ts';
import { addRows } from '../recommend/add-rows.ts';
import { type DeedReason, type DeedRules, toSignals } from '../recommend/deed-rules.ts';
import { mostSpeakers, type Parameters } from '../recommend/parameters.ts';
import type { Rows, ScoreReply, ScoreRequest } from '../recommend/score-batch.ts';
import { profiles as profilesOf } from '../recommend/signals.ts';
import { topItems } from '../recommend/top.ts';
import type { KeptVectors } from '../vectors/kept-vectors.ts';
import type { Hits, VectorIndex } from '../vectors/vector-index.ts';
import { defaultAlpha, type ListEntry, type ListSignal, type UserList } from './user-list.ts';

/** Best of each kind that a list has, for lists of a hundred. */
const bestOfAKind = 100;
/** Looked for, because some of them are seen, hidden or not that good all in all. */
const lookedFor = 200;
/** Products that are known already and are looked at for who asks for such ones, too. */
const knownLookedAt = 50;
/** So many of them are on the list. */
const knownEntries = 20;

export interface ListParts {
  rules: DeedRules;
  parameters: Parameters;
  /** The index; without one that is loaded there is no content part. */
  vectors: VectorIndex;
  /** Of that index. */
  kept: KeptVectors;
  /** The trained model; undefined before the first. */
  model: { version: number; score(request: ScoreRequest): Promise<ScoreReply> } | undefined;
  /** A bit per number of the products that may be offered; without it every one may. */
  allowed: Uint8Array | undefined;
}

/** What a user's deeds come down to. */
interface Person {
  /** The products that count: the strongest in their order, then the others. The strongest one weighs 1. */
  profile: { numbers: Uint32Array; values: Float32Array };
  /** The strongest, with what stands for each. */
  signals: ListSignal[];
  /** Every product, some of them several times. */
  seen: Uint32Array;
  /** Newest first. */
  known: Uint32Array;
}

const allows = ({ allowed }: ListParts, number: number): boolean =>
  !allowed || ((allowed[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;

/** One more than the highest of all these numbers. */
const sizeFor = (rows: Iterable<Uint32Array>): number => {
  let size = 0;
  for (const row of rows)
    for (let at = 0; at < row.length; at += 1)
      if ((row[at] as number) >= size) size = (row[at] as number) + 1;
  return size;
};

/** The products that are known, each once, the newest first. */
const knownOf = ({ numbers, kinds, at }: UserSignals, rules: DeedRules): Uint32Array => {
  const newest = new Map<number, number>();
  for (let entry = 0; entry < numbers.length; entry += 1) {
    if (!rules.of(kinds[entry] as number).known) continue;
    const number = numbers[entry] as number;
    const time = at[entry] as number;
    if (time > (newest.get(number) ?? Number.NEGATIVE_INFINITY)) newest.set(number, time);
  }
  const sorted = [...newest].sort(([one, oneAt], [other, otherAt]) => otherAt - oneAt || one - other);
  return Uint32Array.from(sorted, ([number]) => number);
};

const describe = (users: readonly UserSignals[], { rules, parameters }: ListParts): Person[] => {
  const itemCount = sizeFor(users.map(({ numbers }) => numbers));
  const signals = toSignals(users, rules, { itemCount, itemOf: (number) => number });
  const { starts, indices, values } = profilesOf(signals, parameters);
  // By product, what the user did that weighs most; written for each user over the one before.
  const heaviest = new Float32Array(itemCount);
  const reasons: DeedReason[] = [];
  return users.map((user, nth) => {
    const { numbers, kinds } = user;
    for (let entry = 0; entry < numbers.length; entry += 1) heaviest[numbers[entry] as number] = -1;
    for (let entry = 0; entry < numbers.length; entry += 1) {
      const { weight, reason } = rules.of(kinds[entry] as number);
      const number = numbers[entry] as number;
      if (Math.abs(weight) <= (heaviest[number] as number)) continue;
      heaviest[number] = Math.abs(weight);
      reasons[number] = reason;
    }
    const own = indices.subarray(starts[nth], starts[nth + 1]);
    const weights = values.subarray(starts[nth], starts[nth + 1]);
    const strongest = topItems(weights.map(Math.abs), mostSpeakers);
    const most = strongest.scores[0] ?? 1;
    const profile = { numbers: new Uint32Array(own.length), values: new Float32Array(own.length) };
    const others = new Uint8Array(own.length).fill(1);
    let filled = 0;
    const put = (place: number) => {
      profile.numbers[filled] = own[place] as number;
      profile.values[filled] = (weights[place] as number) / most;
      others[place] = 0;
      filled += 1;
    };
    strongest.items.forEach(put);
    for (let place = 0; place < own.length; place += 1) if (others[place] === 1) put(place);
    const standing = Array.from(strongest.items, (_, at) => ({
      number: profile.numbers[at] as number,
      weight: profile.values[at] as number,
      reason: reasons[profile.numbers[at] as number] as DeedReason,
    }));
    return { profile, signals: standing, seen: numbers, known: knownOf(user, rules) };
  });
};

const toRows = (rows: readonly Uint32Array[]): Rows => {
  const starts = new Uint32Array(rows.length + 1);
  rows.forEach((row, at) => {
    starts[at + 1] = (starts[at] as number) + row.length;
  });
  const numbers = new Uint32Array(starts.at(-1) ?? 0);
  rows.forEach((row, at) => {
    numbers.set(row, starts[at]);
  });
  return { starts, numbers };
};

/**
 * The nearest products to each person's strongest, all others being left out, for a hundred views of long ago would only
 * blur them; nothing for one whose products have no vector.
 */
const findContent = async (
  people: readonly Person[],
  { vectors, kept }: ListParts,
): Promise<(Hits | undefined)[]> => {
  const { manifest } = vectors;
  if (!manifest) return people.map(() => undefined);
  const { dim, model } = manifest;
  const strongest = toRows(people.map(({ profile, signals }) => profile.numbers.subarray(0, signals.length)));
  const { values, starts } = await kept.rows(strongest.numbers);
  const sums = new Float32Array(people.length * dim);
  const asking: number[] = [];
  for (const [place, { profile }] of people.entries()) {
    const own = starts.subarray(strongest.starts[place], strongest.starts[place + 1]);
    const sum = sums.subarray(asking.length * dim, (asking.length + 1) * dim).fill(0);
    addRows(sum, values, own, profile.values);
    let squares = 0;
    for (let at = 0; at < dim; at += 1) squares += (sum[at] as number) * (sum[at] as number);
    if (squares < 1e-12) continue;
    const length = Math.sqrt(squares);
    for (let at = 0; at < dim; at += 1) sum[at] = (sum[at] as number) / length;
    asking.push(place);
  }
  const found: (Hits | undefined)[] = people.map(() => undefined);
  if (asking.length === 0) return found;
  const hits = await vectors.search(sums.slice(0, asking.length * dim), { k: lookedFor, model });
  asking.forEach((place, at) => {
    found[place] = hits[at];
  });
  return found;
};

/** From 0, the farthest that was found, to 1, the nearest: cosines of all products lie close together. */
const scaled = (hits: Hits | undefined): { numbers: Uint32Array; scores: Float32Array } => {
  if (!hits) return { numbers: new Uint32Array(), scores: new Float32Array() };
  const best = hits.scores[0] ?? 0;
  const least = hits.numbers.length < lookedFor ? Math.min(0, best) : (hits.scores.at(-1) ?? 0);
  const scores = new Float32Array(hits.scores.length).fill(1);
  if (best > least)
    for (let at = 0; at < scores.length; at += 1)
      scores[at] = Math.max(((hits.scores[at] as number) - least) / (best - least), 0);
  return { numbers: hits.numbers, scores };
};

const joinFloats = (parts: readonly Float32Array[]): Float32Array => {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    joined.set(part, filled);
    filled += part.length;
  }
  return joined;
};

/** Products that may be entries, column by column, and what is known of each. */
interface Candidates {
  count: number;
  numbers: Uint32Array;
  collaborative: Float32Array;
  content: Float32Array;
  because: Uint32Array;
  known: Uint8Array;
}

const roomFor = (count: number): Candidates => ({
  count: 0,
  numbers: new Uint32Array(count),
  collaborative: new Float32Array(count),
  content: new Float32Array(count),
  because: new Uint32Array(count),
  known: new Uint8Array(count),
});

/**
 * Which of them become entries, by place: the best by each kind of score and by the blend, and some of what is known.
 * `nearest`: places by content, the nearest first; by the collaborative score they lie in this order already.
 */
const choose = (
  { count, collaborative, content, known }: Candidates,
  nearest: readonly number[],
): Uint8Array => {
  const chosen = new Uint8Array(count);
  const takeFirst = (ranked: readonly number[]) => {
    let left = bestOfAKind;
    for (const place of ranked) {
      if (left === 0) return;
      if (known[place] === 1) continue;
      chosen[place] = 1;
      left -= 1;
    }
  };
  const liked: number[] = [];
  for (let place = 0; place < count; place += 1) if ((collaborative[place] as number) > 0) liked.push(place);
  takeFirst(liked);
  takeFirst(nearest);

  const blends = new Float32Array(count);
  const takeBlends = (most: number, wanted: number) => {
    for (let place = 0; place < count; place += 1) {
      const blend =
        defaultAlpha * (collaborative[place] as number) + (1 - defaultAlpha) * (content[place] as number);
      blends[place] = known[place] === wanted && blend > 0 ? blend : Number.NEGATIVE_INFINITY;
    }
    for (const place of topItems(blends, most).items) chosen[place] = 1;
  };
  takeBlends(bestOfAKind, 0);
  if (known.includes(1)) takeBlends(knownEntries, 1);
  return chosen;
};

const isSeen = 1;
const isKnown = 2;

/** The lists of these users, in their order. @throws RetryableError when the index or the model went away under it. */
export const makeLists = async (users: readonly UserSignals[], parts: ListParts): Promise<UserList[]> => {
  const people = describe(users, parts);
  const content = (await findContent(people, parts)).map(scaled);
  const ownSize = sizeFor([...people.map(({ seen }) => seen), ...content.map(({ numbers }) => numbers)]);
  const seenMarks = new Uint8Array(ownSize);
  const asked = people.map(({ seen, known }, user) => {
    const { numbers } = content[user] as { numbers: Uint32Array };
    for (let at = 0; at < seen.length; at += 1) seenMarks[seen[at] as number] = isSeen;
    const all = new Uint32Array(numbers.length + Math.min(known.length, knownLookedAt));
    let fresh = 0;
    for (let at = 0; at < numbers.length; at += 1) {
      if (seenMarks[numbers[at] as number] !== 0) continue;
      all[fresh] = numbers[at] as number;
      fresh += 1;
    }
    for (let at = 0; at < seen.length; at += 1) seenMarks[seen[at] as number] = 0;
    all.set(known.subarray(0, knownLookedAt), fresh);
    return all.subarray(0, fresh + Math.min(known.length, knownLookedAt));
  });
  const askedRows = toRows(asked);
  const scored = await parts.model?.score({
    profiles: {
      ...toRows(people.map(({ profile }) => profile.numbers)),
      values: joinFloats(people.map(({ profile }) => profile.values)),
    },
    seen: toRows(people.map(({ seen }) => seen)),
    asked: askedRows,
    allowed: parts.allowed,
    k: lookedFor,
  });
  const generation = parts.vectors.manifest?.generation ?? 0;
  // By product, for the user whose turn it is: what it is to them, and one more than its place among the candidates.
  const size = Math.max(ownSize, sizeFor(scored ? [scored.lists.numbers] : []));
  const marks = new Uint8Array(size);
  const places = new Uint32Array(size);

  return people.map(({ signals, seen, known }, user) => {
    const hits = content[user] as { numbers: Uint32Array; scores: Float32Array };
    const own = asked[user] as Uint32Array;
    const from = scored?.lists.starts[user] ?? 0;
    const to = scored?.lists.starts[user + 1] ?? 0;
    const candidates = roomFor(to - from + own.length);
    for (let at = 0; at < seen.length; at += 1) marks[seen[at] as number] = isSeen;
    for (let at = 0; at < known.length; at += 1) marks[known[at] as number] = isSeen | isKnown;
    const add = (number: number, collaborative: number, because: number) => {
      const mark = marks[number] as number;
      // What was only looked at is not offered again, but comes back where nothing else is left.
      if (mark === isSeen || places[number] !== 0 || !allows(parts, number)) return;
      const place = candidates.count;
      candidates.count += 1;
      places[number] = place + 1;
      candidates.numbers[place] = number;
      candidates.collaborative[place] = collaborative;
      candidates.because[place] = because;
      candidates.known[place] = mark === 0 ? 0 : 1;
    };
    if (scored) {
      const { numbers, scores, because } = scored.lists;
      for (let at = from; at < to; at += 1)
        add(numbers[at] as number, scores[at] as number, because[at] as number);
    }
    const first = askedRows.starts[user] as number;
    for (let place = 0; place < own.length; place += 1)
      add(own[place] as number, scored?.asked[first + place] ?? 0, 0);
    const nearest: number[] = [];
    for (let at = 0; at < hits.numbers.length; at += 1) {
      const place = (places[hits.numbers[at] as number] as number) - 1;
      const score = hits.scores[at] as number;
      if (place < 0) continue;
      candidates.content[place] = score;
      if (score > 0) nearest.push(place);
    }
    const chosen = choose(candidates, nearest);
    const reasonOf = new Map(signals.map(({ number, reason }) => [number, reason]));
    const entries: ListEntry[] = [];
    for (let place = 0; place < candidates.count; place += 1) {
      const number = candidates.numbers[place] as number;
      places[number] = 0;
      if (chosen[place] === 0) continue;
      const because = candidates.because[place] as number;
      const reason = reasonOf.get(because);
      entries.push({
        number,
        collaborative: candidates.collaborative[place] as number,
        content: candidates.content[place] as number,
        known: candidates.known[place] === 1,
        reason: reason ?? 'profile',
        because: reason ? because : 0,
      });
    }
    for (let at = 0; at < seen.length; at += 1) marks[seen[at] as number] = 0;
    return {
      version: (users[user] as UserSignals).readAt,
      modelVersion: parts.model?.version ?? 0,
      generation,
      entries,
      signals,
      known,
    };
  });
};
