import { expect, test } from 'vitest';
import { mask, maskPersonal } from './personal.ts';

test('masks personal fields at any depth, in whatever case, and keeps ids and absence', () => {
  const payload = {
    user_id: '1',
    email: 'a@b.in',
    profile: { name: 'Asha' },
    items: [{ comment: 'mine', product_id: '2', Device: { os: 'x' } }],
    username: null,
  };
  expect(maskPersonal(payload)).toEqual({
    user_id: '1',
    email: mask,
    profile: mask,
    items: [{ comment: mask, product_id: '2', Device: mask }],
    username: null,
  });
  expect(payload.email).toBe('a@b.in');
});

test('survives nesting that would exhaust the stack, and keys that name the prototype', () => {
  let deep: unknown = 'email';
  for (let level = 0; level < 50_000; level += 1) deep = { deep };
  expect(JSON.stringify(maskPersonal(deep))).toContain(mask);
  const shown = maskPersonal(JSON.parse('{"__proto__": {"email": "a@b.in"}}'));
  expect(JSON.stringify(shown)).toBe(`{"__proto__":{"email":"${mask}"}}`);
  expect(({} as { email?: string }).email).toBeUndefined();
});
