import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { setup } from '../../test/support/setup.ts';
import {
  decodeAlias,
  decodeList,
  encodeAlias,
  encodeList,
  type ListEntry,
  maxListBytes,
  removeLists,
  sessionKey,
  type UserList,
  userListKey,
  viewList,
  writeAliases,
  writeLists,
  writeSessions,
} from './user-list.ts';

const entry = (number: number, fields: Partial<ListEntry> = {}): ListEntry => ({
  number,
  collaborative: 0.5,
  content: 0.5,
  known: false,
  reason: 'profile',
  because: 0,
  ...fields,
});

const list = (fields: Partial<UserList> = {}): UserList => ({
  version: 1_700_000_000_000_001,
  modelVersion: 7,
  generation: 3,
  entries: [],
  signals: [],
  known: [],
  ...fields,
});

const ttl = { ttlSeconds: 100 };

test('a list comes back as it went, best first by the default blend', () => {
  const stored = decodeList(
    encodeList(
      list({
        entries: [
          entry(70_000, { collaborative: 0, content: 1 }),
          entry(5, { collaborative: 1, content: 0, known: true, reason: 'bought', because: 42 }),
          entry(6, { collaborative: 1, content: 1, reason: 'clicked', because: 4_000_000_000 }),
        ],
        signals: [
          { number: 42, weight: 1, reason: 'bought' },
          { number: 43, weight: -0.5, reason: 'rated' },
        ],
        known: [42, 5, 1_000_000, 43],
      }),
    ),
  );
  expect(stored?.version).toBe(1_700_000_000_000_001);
  expect(stored).toMatchObject({ modelVersion: 7, generation: 3, known: [5, 42, 43, 1_000_000] });
  expect(stored?.entries).toEqual([
    entry(6, { collaborative: 1, content: 1, reason: 'clicked', because: 4_000_000_000 }),
    entry(5, { collaborative: 1, content: 0, known: true, reason: 'bought', because: 42 }),
    entry(70_000, { collaborative: 0, content: 1 }),
  ]);
  expect(stored?.signals.map(({ number }) => number)).toEqual([42, 43, 4_000_000_000]);
  expect(stored?.signals[1]?.weight).toBeCloseTo(-0.5, 2);
  expect(stored?.entries.map(({ because }) => because)).toEqual([4_000_000_000, 42, 0]);
});

test('what is not a list of this format is none', () => {
  const packed = encodeList(list({ entries: [entry(1)] }));
  for (const broken of [
    null,
    undefined,
    Buffer.alloc(0),
    packed.subarray(0, packed.length - 1),
    Buffer.from([9, ...packed.subarray(1)]),
  ])
    expect(viewList(broken)).toBeUndefined();
  const person = uuidv7();
  expect(decodeAlias(encodeAlias(1, person))).toBe(person);
  expect(decodeAlias(packed)).toBeUndefined();
  expect(viewList(encodeAlias(1, person))).toBeUndefined();
});

const many = (count: number, from = 1) => Array.from({ length: count }, (_, at) => from + at);

test('Redis keeps even the longest list in 4 KiB, and one of 100 candidates in 2', async () => {
  const { cache, prefix } = await setup();
  const bytes = async (fields: Partial<UserList>) => {
    const userId = uuidv7();
    await writeLists(cache, prefix, [{ userId, list: list(fields) }], ttl);
    return (await cache.call('memory', 'usage', userListKey(prefix, userId), 'samples', '0')) as number;
  };
  const because = (count: number) =>
    many(count).map((number) => entry(number, { reason: 'bought', because: number + 1_000 }));
  const signals = many(60, 1_000).map((number) => ({ number, weight: 1, reason: 'bought' as const }));
  expect(await bytes({ entries: because(100), signals, known: many(60, 1_000) })).toBeLessThanOrEqual(2_048);
  const worst = await bytes({
    entries: because(300),
    signals,
    known: many(5_000).map((number) => 199 * number),
  });
  expect(worst).toBeLessThanOrEqual(4_096);
});

test('with very many known products the last entries give way, then the oldest known', () => {
  const entries = many(300).map((number) => entry(number, { collaborative: 1 - number / 1_000 }));
  const some = decodeList(encodeList(list({ entries, known: many(1_500) })));
  expect(some?.known).toHaveLength(1_500);
  expect(some?.entries.length).toBeGreaterThan(150);
  expect(some?.entries.map(({ number }) => number)).toEqual(many(some?.entries.length ?? 0));
  const packed = encodeList(list({ entries, known: many(9_000).reverse() }));
  expect(packed.length).toBeLessThanOrEqual(maxListBytes);
  const all = decodeList(packed);
  expect(all?.entries).toHaveLength(100);
  expect(all?.known[all.known.length - 1]).toBe(9_000);
  expect(all?.known.length).toBeGreaterThan(2_000);
});

test('an older list never takes the place of a newer one, whoever comes last', async () => {
  const { cache, prefix } = await setup();
  const userId = uuidv7();
  const write = (version: number) =>
    writeLists(cache, prefix, [{ userId, list: list({ version, entries: [entry(version)] }) }], ttl);
  const stored = async () =>
    decodeList(await cache.getBuffer(userListKey(prefix, userId)))?.entries[0]?.number;
  expect(await write(2)).toEqual([true]);
  expect(await write(1)).toEqual([false]);
  expect(await stored()).toBe(2);
  expect(await write(3)).toEqual([true]);
  expect(await write(3)).toEqual([true]);
  expect(await stored()).toBe(3);
  expect(await cache.ttl(userListKey(prefix, userId))).toBeGreaterThan(90);

  // Erased: what was made before from older signals does not come back.
  expect(await removeLists(cache, prefix, [{ userId, version: 5 }])).toEqual([true]);
  expect(await write(4)).toEqual([false]);
  expect(await stored()).toBeUndefined();
  expect(await cache.ttl(userListKey(prefix, userId))).toBeGreaterThan(0);

  const personId = uuidv7();
  expect(await writeAliases(cache, prefix, [{ userId, personId, version: 6 }], ttl)).toEqual([true]);
  expect(await write(5)).toEqual([false]);
  expect(decodeAlias(await cache.getBuffer(userListKey(prefix, userId)))).toBe(personId);
  const sessionId = uuidv7();
  await writeSessions(cache, prefix, [{ sessionId, userId, version: 1 }]);
  expect(decodeAlias(await cache.getBuffer(sessionKey(prefix, sessionId)))).toBe(userId);
});
