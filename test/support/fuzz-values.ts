import type { Random } from './random-shop.ts';

/** As much of JSON Schema as the API's description uses. */
export interface Schema {
  type?: string;
  format?: string;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  pattern?: string;
}

/** Texts that have broken parsers, databases, templates, shells and file systems. */
export const hostileTexts: readonly string[] = [
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    '\udfff\ud800',
    'x\ufeff',
    '\u202etxt.exe',
    '\u2028',
    '𝕏😀🏳️‍🌈',
    'é',
    'é',
    'İ',
  ],
  ...[
    "'",
    '"',
    '`',
    '\\',
    "' or 1=1 --",
    "'; drop table users; --",
    '%',
    '_',
    '%_%',
    '\\x',
    '$1',
    '$\u007bx}',
    '{{7*7}}',
  ],
  ...[
    '<script>alert(1)</script>',
    '../../etc/passwd',
    '..%2f..%2f',
    'file:///etc/passwd',
    '\r\nX-Evil: 1',
    '%00',
    '%zz',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'length',
    'then',
    'null',
    'undefined',
    'NaN',
  ],
  ...[
    'Infinity',
    '-0',
    '1e400',
    '1e-400',
    '0x10',
    '1_000',
    '٣',
    '9007199254740993',
    '99999999999999999999.99',
    '-1',
    '1.',
  ],
  ...[
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:60Z',
    '+275760-09-13T00:00:00Z',
    '2026-01-01',
  ],
  ...['2026-01-01T00:00:00+99:99', '2026-01-01T00:00:00.0000000000001Z', '1970-01-01T00:00:00-00:00'],
  ...[
    '{',
    '[',
    '{}',
    '[]',
    ':',
    'a:b:c',
    '0',
    '00000000-0000-0000-0000-000000000000',
    'A'.repeat(513),
    'a-'.repeat(2_000),
  ],
];

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { a: value };
  return value;
};

/** JSON values that fit nowhere, or only just. */
const hostileValues: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -0,
    1,
    -1,
    1.5,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 53,
    1e21,
    1e-7,
    1e308,
    5e-324,
    0.1 + 0.2,
  ],
  ...[[], {}, [null], [[]], { '': '' }, { toString: 1 }, { length: -1 }, { constructor: { prototype: 1 } }],
  ...[
    JSON.parse('{"__proto__":{"polluted":true}}'),
    JSON.parse('{"then":"x"}'),
    deep(33),
    deep(400),
    Array.from({ length: 2_100 }, () => 0),
  ],
  Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`k${at}`, at])),
];

/** Few, so that events meet: the same user is merged, erased, named again. */
const knownIds = (random: Random): string =>
  `00000000-0000-4000-8000-${String(random.below(40)).padStart(12, '0')}`;

const alphabet = [...'abcxyzABC0189 -_.,;:/\\\'"<>&%$#@!?|{}[]()=+*~^`éñü漢字नम😀\t\n\u0301'];

const textOf = (random: Random, { minLength = 0, maxLength = 40 }: Schema): string => {
  if (random.chance(0.15)) {
    const hostile = random.pick(hostileTexts);
    if (hostile.length >= minLength && hostile.length <= maxLength) return hostile;
  }
  const length = random.chance(0.05)
    ? maxLength
    : minLength + random.below(Math.min(maxLength, 30) - minLength + 1);
  return Array.from({ length }, () => random.pick(alphabet))
    .join('')
    .slice(0, maxLength);
};

const formatted = (random: Random, schema: Schema): string | undefined => {
  if (schema.format === 'uuid') return random.chance(0.6) ? knownIds(random) : random.uuid();
  if (schema.format === 'date-time') {
    const time = new Date(Date.UTC(2026, 0, 1) + random.below(2 ** 31)).toISOString();
    return random.chance(0.3) ? time.replace('Z', '+05:30') : time;
  }
  if (schema.pattern === undefined) return undefined;
  const simple = ['view', 'shoes', 'a', 'a1', 'USD', 'INR', 'red-shoes', 'x'.repeat(32), 'test_1'];
  return random.pick([...simple.filter((text) => new RegExp(schema.pattern as string).test(text)), 'view']);
};

const numberOf = (
  random: Random,
  { type, minimum = -1e6, maximum = 1e6, exclusiveMinimum }: Schema,
): number => {
  const least = exclusiveMinimum ?? minimum;
  const most = Math.min(maximum, least + 2 ** 31);
  if (random.chance(0.2)) return random.pick([least, most]);
  const value = least + random.below(1_000_000) * ((most - least) / 1_000_000);
  return type === 'integer' ? Math.floor(value) : value;
};

/** A value that fits a schema, as far as the schema tells; limits are met as often as passed by. */
export const fitting = (random: Random, schema: Schema): unknown => {
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return fitting(random, random.pick(options));
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.pick(schema.enum);
  switch (schema.type) {
    case 'null':
      return null;
    case 'boolean':
      return random.chance(0.5);
    case 'integer':
    case 'number':
      return numberOf(random, schema);
    case 'string':
      return formatted(random, schema) ?? textOf(random, schema);
    case 'array': {
      const { items = {}, prefixItems, minItems = 0, maxItems = 5 } = schema;
      if (prefixItems) return prefixItems.map((item) => fitting(random, item));
      const length = Math.min(minItems + random.below(4), maxItems);
      return Array.from({ length }, () => fitting(random, items));
    }
    case 'object': {
      const { properties = {}, required = [] } = schema;
      const chosen = Object.entries(properties).filter(
        ([name]) => required.includes(name) || random.chance(0.6),
      );
      const fields = chosen.map(([name, child]) => [name, fitting(random, child)]);
      if (schema.additionalProperties) {
        for (let more = random.below(4); more > 0; more -= 1)
          fields.push([random.pick(hostileTexts), random.pick(hostileValues)]);
      }
      return Object.fromEntries(fields);
    }
    default:
      return random.chance(0.5) ? random.pick(hostileTexts) : random.pick(hostileValues);
  }
};

/** Anything at all. */
export const anything = (random: Random): unknown =>
  random.chance(0.5) ? random.pick(hostileTexts) : random.pick(hostileValues);

/** A copy in which one place is something else, is gone, or has a neighbour nobody expects. */
export const mutated = (random: Random, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || random.chance(0.1)) return anything(random);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.2)) return [...value, anything(random)];
    const at = random.below(value.length);
    return value.map((item, index) => (index === at ? mutated(random, item) : item));
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || random.chance(0.15))
    entries.push([random.pick(hostileTexts), anything(random)]);
  else {
    const at = random.below(entries.length);
    const [name, child] = entries[at] as [string, unknown];
    if (random.chance(0.15)) entries.splice(at, 1);
    else entries[at] = [name, mutated(random, child)];
  }
  return Object.fromEntries(entries);
};
