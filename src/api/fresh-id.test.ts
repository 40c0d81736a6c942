import { version } from 'uuid';
import { expect, test } from 'vitest';
import { freshId } from './fresh-id.ts';

test('ids are UUIDv7 of now, different, and in the order they were made', () => {
  const before = Date.now();
  const ids = Array.from({ length: 20_000 }, freshId);
  expect(new Set(ids.map(version))).toEqual(new Set([7]));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  const times = ids.map((id) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
  expect(Math.min(...times)).toBeGreaterThanOrEqual(before);
  expect(Math.max(...times)).toBeLessThanOrEqual(Date.now());
});
