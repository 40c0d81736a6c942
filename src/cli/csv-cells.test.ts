import { describe, expect, test } from 'vitest';
import { decimalOf, RowError, readCell, slugOf, wordsOf } from './csv-cells.ts';

describe('amounts', () => {
  test.each([
    ['₹1,099', '1099'],
    ['₹1,39,900.00', '139900.00'],
    ['Rs. 5', '5'],
    ['INR 5.50', '5.50'],
    ['$ 1 234.5', '1234.5'],
    ['64%', '64'],
    ['-3.20 EUR', '-3.20'],
    ['007', '7'],
    ['0.30', '0.30'],
  ])('%s is %s, exactly', (text, expected) => {
    expect(decimalOf(text)).toBe(expected);
  });

  test('with a decimal comma, points separate thousands', () => {
    expect(decimalOf('1.099,95 €', ',')).toBe('1099.95');
  });

  test.each(['', '.5', '1,5', '1.2.3', 'free', '₹', '1e5', '12-13'])(
    '"%s" is refused rather than guessed',
    (text) => {
      expect(() => decimalOf(text)).toThrow(RowError);
    },
  );

  test('a long text that is no amount is refused quickly', () => {
    const started = performance.now();
    expect(() => decimalOf(`${'a'.repeat(100_000)}!`)).toThrow(RowError);
    expect(() => decimalOf(`${'1,000'.repeat(20_000)}!`)).toThrow(RowError);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

test('slugs are ASCII, and a name without any ASCII still has its own', () => {
  expect(slugOf('Home & Kitchen')).toBe('home-kitchen');
  expect(slugOf('  Décor, Été!')).toBe('decor-ete');
  expect(slugOf('книги')).toMatch(/^x[0-9a-f]{10}$/);
  expect(slugOf('книги')).not.toBe(slugOf('игры'));
});

test('words that were written together are taken apart', () => {
  expect(
    ['Home&Kitchen', 'USBCables', 'HDTVs', 'Headphones,Earbuds&Accessories', 'In-Ear'].map(wordsOf),
  ).toEqual(['Home & Kitchen', 'USB Cables', 'HDTVs', 'Headphones, Earbuds & Accessories', 'In-Ear']);
});

test('cells are read as what the mapping says', () => {
  expect(readCell('24,269', 'integer')).toBe(24_269);
  expect(readCell('Yes', 'boolean')).toBe(true);
  expect(() => readCell('2.5', 'integer')).toThrow('whole number');
  expect(() => readCell('perhaps', 'boolean')).toThrow('neither yes nor no');
});
