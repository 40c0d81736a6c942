import { z } from 'zod';

/** A UUID of any version, in lower case, so that two spellings are one id. */
export const uuid = z.guid().toLowerCase();

// PostgreSQL stores no NUL, and a lone surrogate would be silently replaced on its way there.
const storable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');
const storableMessage = 'must not contain NUL or unpaired surrogates';

/** Text of 1 to `max` characters that PostgreSQL can hold. */
export const text = (max: number) => z.string().min(1).max(max).refine(storable, storableMessage);

const instantPattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)$/i;

/** To UTC with all six digits, so that equal instants are equal texts and texts sort as instants do. */
const toUtc = (given: string): string => {
  const [, seconds, digits = '', offset] = instantPattern.exec(given) ?? [];
  if (offset === 'Z') return `${seconds}.${digits.padEnd(6, '0')}Z`;
  const time = Date.parse(`${seconds}${offset}`);
  return Number.isNaN(time)
    ? given
    : `${new Date(time).toISOString().slice(0, 19)}.${digits.padEnd(6, '0')}Z`;
};

/** An RFC 3339 time with an offset, normalised to UTC with microseconds. Years 1 to 9998. */
export const instant = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time with an offset' })
  .refine((given) => {
    const year = new Date(given).getUTCFullYear();
    return year >= 1 && year <= 9998;
  }, 'must lie within the years 1 to 9998')
  .overwrite(toUtc);

/** Plain notation of a decimal: no exponent, no leading zeros. */
const plain = (value: number): string => {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0').slice(0, point)}${point < digits.length ? `.${digits.slice(point)}` : ''}`;
};

const digitsOf = (decimal: string): { whole: number; fraction: number } => {
  const [whole = '', fraction = ''] = decimal.replace(/^[+-]/, '').split('.');
  return { whole: whole.replace(/^0+/, '').length, fraction: fraction.length };
};

/**
 * An exact decimal: a decimal string, or a JSON number of at most 15 digits (more would not survive as one). Comes out
 * as a string. @param precision digits in all, `scale` of them after the point, as in NUMERIC(precision, scale).
 */
export const decimal = (precision: number, scale: number) =>
  z
    // Each rule that is broken ends it, or rules about several fields together would be asked of one that is no number.
    .union([z.string().max(precision + 3, { abort: true }), z.number()])
    .transform((given, context) => {
      const value = typeof given === 'number' ? plain(given) : given;
      const problem = decimalProblem(value, typeof given === 'number', precision, scale);
      if (problem === undefined) return value;
      context.addIssue({ code: 'custom', message: problem, continue: false });
      return z.NEVER;
    })
    .meta({
      override: {
        description: `Exact decimal, at most ${precision - scale} digits before and ${scale} after the point.`,
      },
    });

const decimalProblem = (value: string, wasNumber: boolean, precision: number, scale: number) => {
  if (!/^-?\d+(\.\d+)?$/.test(value)) return 'must be a decimal number';
  const { whole, fraction } = digitsOf(value);
  if (wasNumber && whole + fraction > 15) return 'has more than 15 digits; send it as a string';
  if (fraction > scale) return `has more than ${scale} decimals`;
  if (whole > precision - scale) return `has more than ${precision - scale} digits before the point`;
  return undefined;
};

/** Schemas and serializers disagree about it: some keep it, some drop it without a word. */
const protoMessage = 'must not hold a key named __proto__';

const maxDepth = 32;
const maxValues = 2_000;

const jsonProblem = (value: unknown): string | undefined => {
  const open: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  let seen = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    seen += 1;
    if (seen > maxValues) return `must not hold more than ${maxValues} values`;
    if (next.depth > maxDepth) return `must not be nested deeper than ${maxDepth}`;
    if (typeof next.value === 'string' && !storable(next.value)) return storableMessage;
    if (typeof next.value === 'number' && !Number.isFinite(next.value))
      return 'must not hold infinite numbers';
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, child] of Object.entries(next.value)) {
      if (key === '__proto__') return protoMessage;
      if (!storable(key)) return storableMessage;
      open.push({ value: child, depth: next.depth + 1 });
    }
  }
  return undefined;
};

const ownProto = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__');

/** A JSON object of bounded size and depth that PostgreSQL can hold, key by key as it was given. */
export const jsonObject = z.preprocess(
  (value, context) => {
    // The record below would drop it without a word.
    if (ownProto(value)) context.addIssue({ code: 'custom', message: protoMessage });
    return value;
  },
  z.record(z.string(), z.unknown()).superRefine((value, context) => {
    const problem = jsonProblem(value);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  }),
);
