import { expect, test } from 'vitest';
import { z } from 'zod';
import { OutageError } from '../errors.ts';
import { fieldErrors, Problem, pointer, problemOf } from './problem.ts';

test('names every bad field by JSON pointer, unknown ones by their own name', () => {
  const schema = z.array(z.strictObject({ rating: z.int(), 'a/b~c': z.string() }));
  const { error } = schema.safeParse([
    { rating: 1, 'a/b~c': 'x' },
    { rating: 1.5, 'a/b~c': 2, 'ratng/': 1 },
  ]);
  expect(fieldErrors(error as z.ZodError).map(({ path }) => path)).toEqual([
    '/1/rating',
    '/1/a~1b~0c',
    '/1/ratng~1',
  ]);
  expect(pointer([])).toBe('');
});

test('an outage is 503 with Retry-After, an unknown error no problem of the caller', () => {
  const problem = problemOf(new OutageError('redis://secret is away'));
  expect(problem?.status).toBe(503);
  expect(problem?.extras.headers).toEqual({ 'Retry-After': '1' });
  expect(JSON.stringify(problem)).not.toContain('secret');
  expect(problemOf(new Error('bug'))).toBeUndefined();
  expect(problemOf(undefined)).toBeUndefined();
  expect(problemOf(Object.assign(new Error('quotes the path'), { status: 400 }))?.message).toBe(
    'The request cannot be read.',
  );
  expect(problemOf(Object.assign(new Error('x'), { status: 502 }))).toBeUndefined();
  expect(problemOf(new Problem(404, 'gone'))?.toJSON()).toEqual({
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'gone',
  });
});
