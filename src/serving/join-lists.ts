import { decodeList, encodeList, type ListEntry, type ListView, viewList } from './user-list.ts';

/**
 * One list of two, as if one person had done both: what is good on both comes first, what either knows is known, and what
 * either has looked at is not offered for the other's sake. Undefined where one cannot be read.
 */
export const joinLists = (own: Buffer | null, other: Buffer | null): ListView | undefined => {
  const [first, second] = [decodeList(own), decodeList(other)];
  if (!first || !second) return undefined;
  const known = new Set([...Array.from(first.known), ...Array.from(second.known)]);
  const signals = [...first.signals, ...second.signals].sort(
    (a, b) => Math.abs(b.weight) - Math.abs(a.weight),
  );
  const seen = new Set(signals.filter(({ weight }) => weight !== 0).map(({ number }) => number));
  const joined = new Map<number, ListEntry>();
  for (const entry of [...first.entries, ...second.entries]) {
    const { number, collaborative, content } = entry;
    const isKnown = known.has(number);
    if (seen.has(number) && !isKnown) continue;
    const before = joined.get(number);
    joined.set(number, {
      ...(before ?? entry),
      known: isKnown,
      collaborative: collaborative / 2 + (before?.collaborative ?? 0),
      content: content / 2 + (before?.content ?? 0),
    });
  }
  return viewList(
    encodeList({
      // What was read for the older of the two is all that is certain.
      version: Math.min(first.version, second.version),
      modelVersion: first.modelVersion,
      generation: first.generation,
      entries: [...joined.values()],
      signals: signals.filter(({ number }, at) => signals.findIndex((one) => one.number === number) === at),
      known: [...known],
    }),
  );
};
