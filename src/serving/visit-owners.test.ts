import { expect, test } from 'vitest';
import type { UserSignals } from '../db/signals.ts';
import { ownersOf } from './visit-owners.ts';

const user = (person: string, at: number[], merged: string[] = []): UserSignals => ({
  person,
  present: true,
  merged,
  readAt: 5_000_000,
  numbers: new Uint32Array(at.length),
  kinds: new Int16Array(at.length),
  times: new Uint32Array(at.length),
  values: new Float32Array(at.length),
  at: Float64Array.from(at),
});

const visit = (user_id: string, session_id = 's') => ({ user_id, session_id });

test('of several who were seen in a visit it is whose last deed is the newest, unless somebody said so', () => {
  const users = [user('a', [1, 3]), user('b', [2], ['was-b']), user('c', [])];
  expect(ownersOf([visit('a'), visit('was-b'), visit('c'), visit('nobody')], users, [])).toEqual([
    { sessionId: 's', userId: 'a', version: 3_000_000 },
    { sessionId: 's', userId: 'b', version: 2_000_000 },
    { sessionId: 's', userId: 'c', version: 0 },
  ]);
  expect(ownersOf([visit('a'), visit('a', 't')], users, [visit('x')])).toEqual([
    { sessionId: 's', userId: 'x', version: 5_000_000 },
    { sessionId: 't', userId: 'a', version: 3_000_000 },
  ]);
  // A deed that is dated ahead does not outlast what is said next.
  expect(ownersOf([visit('d')], [user('d', [60])], [])[0]?.version).toBe(5_000_000);
});
