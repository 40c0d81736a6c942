import type { UserSignals } from '../db/signals.ts';
import { type DeedReason, type DeedRules, toSignals } from '../recommend/deed-rules.ts';
import type { Parameters } from '../recommend/parameters.ts';
import type { Rows, ScoreReply, ScoreRequest } from '../recommend/score-batch.ts';
import { profiles as profilesOf } from '../recommend/signals.ts';
import type { Hits, VectorIndex } from '../vectors/vector-index.ts';
import { defaultAlpha, type ListEntry, type ListSignal, type UserList } from './user-list.ts';

/** Best of each kind that a list has, for lists of a hundred. */
const bestOfAKind = 100;
/** Looked for, because some of them are seen, hidden or not that good all in all. */
const lookedFor = 200;
/** A profile is made from the strongest of a user's products: a hundred views of long ago would only blur it. */
const profileProducts = 50;
/** Products that are known already and on the list for who asks for such ones, too. */
const knownEntries = 20;

export interface ListParts {
  rules: DeedRules;
  parameters: Parameters;
  /** The index; without one that is loaded there is no content part. */
  vectors: VectorIndex;
  /** The trained model; undefined before the first. */
  model: { version: number; score(request: ScoreRequest): Promise<ScoreReply> } | undefined;
  /** A bit per number of the products that may be offered; without it every one may. */
  allowed: Uint8Array | undefined;
}

/** What a user's deeds come down to. */
interface Person {
  /** The products that count, strongest first, with what stands for each. */
  signals: ListSignal[];
  seen: Set<number>;
  /** Newest first. */
  known: number[];
}

const allows = ({ allowed }: ListParts, number: number): boolean =>
  !allowed || ((allowed[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;

const describe = (users: readonly UserSignals[], { rules, parameters }: ListParts): Person[] => {
  let itemCount = 0;
  for (const { numbers } of users)
    for (const number of numbers) if (number >= itemCount) itemCount = number + 1;
  const signals = toSignals(users, rules, { itemCount, itemOf: (number) => number });
  const { starts, indices, values } = profilesOf(signals, parameters);
  return users.map(({ numbers, kinds }, user) => {
    const reasons = new Map<number, { reason: DeedReason; weight: number }>();
    const known = new Set<number>();
    for (const [entry, number] of numbers.entries()) {
      const { weight, reason, known: knows } = rules.of(kinds[entry] as number);
      if (knows) known.add(number);
      if (Math.abs(weight) > (reasons.get(number)?.weight ?? 0))
        reasons.set(number, { reason, weight: Math.abs(weight) });
    }
    const own: ListSignal[] = [];
    let most = 0;
    for (let at = starts[user] as number; at < (starts[user + 1] as number); at += 1) {
      const number = indices[at] as number;
      const weight = values[at] as number;
      most = Math.max(most, Math.abs(weight));
      own.push({ number, weight, reason: reasons.get(number)?.reason ?? 'viewed' });
    }
    own.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight) || a.number - b.number);
    return {
      signals: own.map((signal) => ({ ...signal, weight: signal.weight / most })),
      seen: new Set(numbers),
      known: [...known],
    };
  });
};

/** The nearest products to each person's profile; nothing for one whose products have no vector. */
const findContent = async (
  people: readonly Person[],
  { vectors }: ListParts,
): Promise<(Hits | undefined)[]> => {
  const { manifest } = vectors;
  if (!manifest) return people.map(() => undefined);
  const { dim, model } = manifest;
  const strongest = people.map(({ signals }) => signals.slice(0, profileProducts));
  const numbers = [...new Set(strongest.flatMap((signals) => signals.map(({ number }) => number)))];
  const rowOf = new Map(numbers.map((number, row) => [number, row]));
  const rows = await vectors.vectors(Uint32Array.from(numbers));
  const profiles = new Float32Array(people.length * dim);
  const asking: number[] = [];
  for (const [place, signals] of strongest.entries()) {
    const profile = profiles.subarray(asking.length * dim, (asking.length + 1) * dim).fill(0);
    for (const { number, weight } of signals) {
      const first = (rowOf.get(number) as number) * dim;
      for (let at = 0; at < dim; at += 1)
        profile[at] = (profile[at] as number) + weight * (rows[first + at] as number);
    }
    let squares = 0;
    for (const value of profile) squares += value * value;
    if (squares < 1e-12) continue;
    const length = Math.sqrt(squares);
    for (let at = 0; at < dim; at += 1) profile[at] = (profile[at] as number) / length;
    asking.push(place);
  }
  const found: (Hits | undefined)[] = people.map(() => undefined);
  if (asking.length === 0) return found;
  const hits = await vectors.search(profiles.slice(0, asking.length * dim), { k: lookedFor, model });
  asking.forEach((place, at) => {
    found[place] = hits[at];
  });
  return found;
};

/** From 0, the farthest that was found, to 1, the nearest: cosines of all products lie close together. */
const scaled = (hits: Hits | undefined): Map<number, number> => {
  const scores = new Map<number, number>();
  if (!hits) return scores;
  const best = hits.scores[0] ?? 0;
  const least = hits.numbers.length < lookedFor ? Math.min(0, best) : (hits.scores.at(-1) ?? 0);
  for (const [at, number] of hits.numbers.entries()) {
    const score = hits.scores[at] as number;
    scores.set(number, best > least ? Math.max((score - least) / (best - least), 0) : 1);
  }
  return scores;
};

const toRows = (rows: readonly (readonly number[])[]): Rows => {
  const starts = new Uint32Array(rows.length + 1);
  rows.forEach((row, at) => {
    starts[at + 1] = (starts[at] as number) + row.length;
  });
  return { starts, numbers: Uint32Array.from(rows.flat()) };
};

const blend = ({ collaborative, content }: ListEntry): number =>
  defaultAlpha * collaborative + (1 - defaultAlpha) * content;

/** The best by each kind of score and by the blend, and some of what is known. */
const choose = (entries: readonly ListEntry[]): ListEntry[] => {
  const kinds: ((entry: ListEntry) => number)[] = [
    ({ collaborative }) => collaborative,
    ({ content }) => content,
    blend,
  ];
  const chosen = new Set<ListEntry>();
  const fresh = entries.filter(({ known }) => !known);
  for (const score of kinds) {
    const best = fresh
      .filter((entry) => score(entry) > 0)
      .sort((a, b) => score(b) - score(a) || a.number - b.number);
    for (const entry of best.slice(0, bestOfAKind)) chosen.add(entry);
  }
  const known = entries
    .filter((entry) => entry.known && blend(entry) > 0)
    .sort((a, b) => blend(b) - blend(a));
  for (const entry of known.slice(0, knownEntries)) chosen.add(entry);
  return [...chosen];
};

/** The lists of these users, in their order. @throws RetryableError when the index or the model went away under it. */
export const makeLists = async (users: readonly UserSignals[], parts: ListParts): Promise<UserList[]> => {
  const people = describe(users, parts);
  const content = (await findContent(people, parts)).map(scaled);
  const asked = people.map(({ known, seen }, at) => {
    const near = [...(content[at] as Map<number, number>).keys()];
    return [...new Set([...near.filter((number) => !seen.has(number)), ...known.slice(0, profileProducts)])];
  });
  const askedRows = toRows(asked);
  const scored = await parts.model?.score({
    profiles: {
      ...toRows(people.map(({ signals }) => signals.map(({ number }) => number))),
      values: Float32Array.from(people.flatMap(({ signals }) => signals.map(({ weight }) => weight))),
    },
    seen: toRows(people.map(({ seen }) => [...seen])),
    asked: askedRows,
    allowed: parts.allowed,
    k: lookedFor,
  });
  const generation = parts.vectors.manifest?.generation ?? 0;

  return people.map(({ signals, seen, known }, user) => {
    const near = content[user] as Map<number, number>;
    const knows = new Set(known);
    const reasonOf = new Map(signals.map(({ number, reason }) => [number, reason]));
    const entries = new Map<number, ListEntry>();
    const add = (number: number, collaborative: number, because: number) => {
      const known = knows.has(number);
      // What was only looked at is not offered again, but comes back where nothing else is left.
      if ((seen.has(number) && !known) || entries.has(number) || !allows(parts, number)) return;
      entries.set(number, {
        number,
        collaborative,
        content: near.get(number) ?? 0,
        known,
        reason: (because > 0 && reasonOf.get(because)) || 'profile',
        because,
      });
    };
    if (scored) {
      const { starts, numbers, scores, because } = scored.lists;
      for (let at = starts[user] as number; at < (starts[user + 1] as number); at += 1)
        add(numbers[at] as number, scores[at] as number, because[at] as number);
    }
    const first = askedRows.starts[user] as number;
    for (const [place, number] of (asked[user] as number[]).entries())
      add(number, scored?.asked[first + place] ?? 0, 0);
    return {
      version: (users[user] as UserSignals).readAt,
      modelVersion: parts.model?.version ?? 0,
      generation,
      entries: choose([...entries.values()]),
      signals,
      known,
    };
  });
};
