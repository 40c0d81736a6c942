import { expect, test } from 'vitest';
import { z } from 'zod';
import { instant } from '../fields.ts';
import { cursor, encodeCursor } from './cursor.ts';

const schema = cursor(z.tuple([instant, z.int()]));

test('a cursor comes back as the position it was made of, to the microsecond', () => {
  const position = ['2026-03-01T10:00:00.123456Z', 42] as const;
  expect(schema.parse(encodeCursor(position))).toEqual(position);
});

test.each([
  '',
  'x',
  'bnVsbA',
  encodeCursor([1, 2]),
  encodeCursor(['2026-03-01T10:00:00Z']),
  '%00',
  'A'.repeat(600),
])('refuses %s', (given) => {
  expect(schema.safeParse(given).success).toBe(false);
});
