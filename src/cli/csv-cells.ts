import { createHash } from 'node:crypto';
import type { Reading } from './csv-mapping.ts';

/** A row that cannot become events; the others can. */
export class RowError extends Error {
  override name = 'RowError';
}

/** Letters and digits of ASCII with hyphens between; a text without any gets one made of its hash. */
export const slugOf = (text: string): string => {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const slug = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
  return slug || `x${createHash('sha256').update(text).digest('hex').slice(0, 10)}`;
};

/** Words written together, apart: `Home&Kitchen` is "Home & Kitchen", `USBCables` is "USB Cables". */
export const wordsOf = (text: string): string =>
  text
    .split('&')
    .map((part, at, { length }) =>
      (at < length - 1 ? part.trimEnd() : part).replace(at > 0 ? /^\s+/ : '', ''),
    )
    .join(' & ')
    .replace(/,(?=\S)/g, ', ')
    .replace(/(\p{Ll})(?=\p{Lu})/gu, '$1 ')
    // An abbreviation before a word; its plural is none, so `HDTVs` stays.
    .replace(/(\p{Lu})(?=\p{Lu}\p{Ll}{3})/gu, '$1 ')
    .trim();

/**
 * The exact decimal in an amount as people write it: currency signs and codes, a percent sign and thousands separators
 * go. With `point` "," the comma is the decimal sign and the point the separator.
 */
export const decimalOf = (text: string, point: '.' | ',' = '.'): string => {
  const bare = text.replace(/^(?:\p{L}+\.?)?[\s\p{Sc}]*|[\s\p{Sc}\p{L}%]+$/gu, '').replace('−', '-');
  const separator = point === '.' ? ',' : '.';
  const pattern = new RegExp(`^[-+]?\\d+(?:[\\s'’${separator}]\\d{2,3})*(?:[${point}]\\d+)?$`, 'u');
  if (!pattern.test(bare)) throw new RowError(`"${text}" is not an amount`);
  const digits = bare.replace(new RegExp(`[\\s'’+${separator}]`, 'gu'), '').replace(point, '.');
  return digits.replace(/^(-?)0+(?=\d)/, '$1');
};

const booleans: Record<string, boolean> = {
  ...{ true: true, yes: true, y: true, '1': true, t: true },
  ...{ false: false, no: false, n: false, '0': false, f: false },
};

const readings: Record<Reading, (text: string) => string | number | boolean> = {
  text: (text) => text,
  decimal: (text) => decimalOf(text),
  decimal_comma: (text) => decimalOf(text, ','),
  integer(text) {
    const whole = Number(decimalOf(text));
    if (!Number.isSafeInteger(whole)) throw new RowError(`"${text}" is not a whole number`);
    return whole;
  },
  boolean(text) {
    const known = booleans[text.toLowerCase()];
    if (known === undefined) throw new RowError(`"${text}" is neither yes nor no`);
    return known;
  },
  slug: slugOf,
  words: wordsOf,
};

/** @throws RowError when the text cannot be read so. */
export const readCell = (text: string, as: Reading): string | number | boolean => readings[as](text);
