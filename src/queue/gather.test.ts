import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createGatherer } from './gather.ts';

// Time passes when a test says so: what a gatherer does depends on how long ago something was.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A gatherer of letters whose statements end when told to. */
const setUp = ({ atOnce = 4, most = 10, restMs = 0 } = {}) => {
  const begun: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const statement = (what: string) =>
    new Promise<void>((resolve, reject) => {
      begun.push(what);
      ends.push((error) => (error ? reject(error) : resolve()));
    });
  const gather = createGatherer<string>(
    {
      sizeOf: (items) => items.length,
      idsOf: (items) => [...items],
      together: (all) => statement(all.join('')),
      concernsAll: (error) => (error as Error).message === 'away',
    },
    { atOnce, most, restMs },
  );
  const add = (items: string) => gather(items, () => statement(`${items} alone`));
  const end = async (error?: Error) => {
    ends.shift()?.(error);
    // What follows from it has begun by then.
    await new Promise(setImmediate);
  };
  return { begun, add, end };
};

test('the first goes at once, what comes meanwhile goes together', async () => {
  const { begun, add, end } = setUp();
  const all = ['a', 'b', 'c'].map(add);
  expect(begun).toEqual(['a alone']);
  await end();
  expect(begun).toEqual(['a alone', 'bc']);
  await end();
  expect(await Promise.all(all)).toHaveLength(3);
});

test('full statements go side by side, but not more than allowed, and none is larger than allowed', async () => {
  const { begun, add, end } = setUp({ atOnce: 2, most: 4 });
  const all = ['abcd', 'efgh', 'i', 'jkl', 'mn'].map(add);
  expect(begun).toEqual(['abcd alone', 'efgh alone']);
  await end();
  expect(begun.slice(2)).toEqual(['ijkl']);
  await end();
  expect(begun.slice(3)).toEqual(['mn alone']);
  for (let rest = 2; rest > 0; rest -= 1) await end();
  expect(await Promise.all(all)).toHaveLength(5);
});

test('a few rest before the next statement, many do not, and nobody waits for more than the rest', async () => {
  const { begun, add, end } = setUp({ most: 100, restMs: 30 });
  const first = add('a');
  await end();
  const few = ['b', 'c'].map(add);
  vi.advanceTimersByTime(29);
  expect(begun).toEqual(['a alone']);
  vi.advanceTimersByTime(1);
  expect(begun).toEqual(['a alone', 'bc']);
  await end();
  const many = [...'defghijklmnopqrs'].map(add);
  expect(begun).toEqual(['a alone', 'bc', 'defghijklmnopqrs']);
  await end();
  expect(await Promise.all([first, ...few, ...many])).toHaveLength(19);
});

test('something small does not wait for ever for a statement that hangs', async () => {
  const { begun, add, end } = setUp();
  const all = ['a', 'b'].map(add);
  vi.advanceTimersByTime(49);
  expect(begun).toEqual(['a alone']);
  vi.advanceTimersByTime(1);
  expect(begun).toEqual(['a alone', 'b alone']);
  await end();
  await end();
  expect(await Promise.all(all)).toHaveLength(2);
});

test('an id is never twice in a statement', async () => {
  const { begun, add, end } = setUp();
  const all = ['a', 'b', 'cb', 'd'].map(add);
  await end();
  expect(begun[1]).toBe('bd');
  await end();
  expect(begun[2]).toBe('cb alone');
  await end();
  expect(await Promise.all(all)).toHaveLength(4);
});

test('when it fails together each goes alone, and only the guilty one hears of it', async () => {
  const { begun, add, end } = setUp();
  const [first, ...others] = ['a', 'b', 'c', 'd'].map(add);
  const settled = Promise.allSettled(others);
  await end();
  await first;
  await end(new Error('one of them'));
  await end();
  await end(new Error('c is bad'));
  await end();
  expect(begun.slice(2)).toEqual(['b alone', 'c alone', 'd alone']);
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('what concerns all is told to all, and nobody tries alone', async () => {
  const { begun, add, end } = setUp();
  const [first, ...others] = ['a', 'b', 'c'].map(add);
  const settled = Promise.allSettled(others);
  await end();
  await first;
  await end(new Error('away'));
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(begun).toEqual(['a alone', 'bc']);
});
