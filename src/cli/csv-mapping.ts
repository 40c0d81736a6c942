import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { oneLine, UsageError } from './failure.ts';

/** How a cell's text is read. */
const Reading = z.enum(['text', 'decimal', 'decimal_comma', 'integer', 'boolean', 'slug', 'words']);

export type Reading = z.output<typeof Reading>;

const Scalar = z.union([z.string(), z.number(), z.boolean()]);

/** One column, read step by step in the order of these fields; a cell that ends up empty leaves the field out. */
const Column = z.strictObject({
  column: z.string(),
  /** Regular expression; its first group counts, or all it matches. No match: empty. */
  match: z.string().optional(),
  /** Cut into a list at this text. */
  split: z.string().min(1).optional(),
  as: Reading.default('text'),
  /** Longest text, in characters. */
  max_length: z.int().positive().optional(),
  /** Only so many of a list; 1 gives a single value. */
  take: z.int().positive().optional(),
  /** Put a list together again with this text between. */
  join: z.string().optional(),
  /** In place of an empty cell. */
  default: Scalar.optional(),
});

/**
 * A column that holds the path of a category: the slug of its last part. Each category of the path becomes an event of
 * its own, once, ahead of the first event that names it.
 */
const Category = z.strictObject({
  category: z.string(),
  split: z.string().min(1),
  /** Goes before every slug, and is the category above all others. */
  under: z.strictObject({ slug: z.string().min(1), name: z.string().min(1) }).optional(),
  /** `words` makes `USBCables` "USB Cables". */
  as: z.enum(['text', 'words']).default('text'),
});

export type ColumnValue = z.output<typeof Column>;
export type CategoryValue = z.output<typeof Category>;
export type Value =
  | string
  | ColumnValue
  | CategoryValue
  | { const: z.output<typeof Scalar> | null }
  | { template: string }
  | { uuid: string }
  | { list: Value[] }
  | { object: Record<string, Value> };

/** How one field of an event is made of a row. A bare string is the column of that name, as text. */
const Value: z.ZodType<Value> = z.lazy(() =>
  z.union(
    [
      z.string(),
      Column,
      Category,
      z.strictObject({ const: Scalar.nullable() }),
      /** Text with `{column}` in it; left out when one of those cells is empty. */
      z.strictObject({ template: z.string() }),
      /** The UUIDv5 of such a text in the mapping's namespace: the same text is the same id on every import. */
      z.strictObject({ uuid: z.string().regex(/\{[^{}]+\}/, 'must name a {column}') }),
      /** Lists within are opened up; what is empty or there already is left out. */
      z.strictObject({ list: z.array(Value) }),
      z.strictObject({ object: z.record(z.string(), Value) }),
    ],
    {
      error:
        'is no value: a column name, or an object with column, category, const, template, uuid, list or object',
    },
  ),
);

const MappingFile = z.strictObject({
  /** For people. */
  $comment: z.union([z.string(), z.array(z.string())]).optional(),
  delimiter: z.string().min(1).default(','),
  namespace: z.guid(),
  /** Rows that repeat the value of this column are left out: the first one counts. */
  unique: z.string().optional(),
  /** What each row becomes, in this order. */
  events: z
    .array(
      z.strictObject({
        type: z.string(),
        /** Only for rows in which this column is not empty. */
        when: z.string().optional(),
        fields: z.record(z.string(), Value),
      }),
    )
    .min(1),
});

/** How a table becomes events, as a mapping file says it. */
export type Mapping = z.output<typeof MappingFile>;

const check = (mapping: Mapping): Mapping => {
  for (const value of valuesOf(mapping)) {
    if (typeof value !== 'object' || !('match' in value) || value.match === undefined) continue;
    try {
      new RegExp(value.match, 'u');
    } catch (error) {
      throw new Error(`match: ${oneLine(error)}`);
    }
  }
  return mapping;
};

/** @throws UsageError saying in one line where the file is wrong. */
export const parseMapping = (text: string, name: string): Mapping => {
  try {
    return check(MappingFile.parse(JSON.parse(text)));
  } catch (error) {
    throw new UsageError(`${name} is no usable mapping: ${oneLine(error)}`);
  }
};

/** @throws UsageError when the file is missing or wrong. */
export const readMapping = async (file: string): Promise<Mapping> => {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`the mapping cannot be read: ${oneLine(error)}`);
  });
  return parseMapping(text, file);
};

const inside = (value: Value): Value[] => {
  if (typeof value === 'string') return [value];
  if ('list' in value) return [value, ...value.list.flatMap(inside)];
  if ('object' in value) return [value, ...Object.values(value.object).flatMap(inside)];
  return [value];
};

const valuesOf = ({ events }: Mapping): Value[] =>
  events.flatMap(({ fields }) => Object.values(fields).flatMap(inside));

/** The columns a `{…}` text names. */
export const placeholders = (template: string): string[] =>
  [...template.matchAll(/\{([^{}]+)\}/g)].map(([, column]) => column as string);

const columnsOfValue = (value: Value): string[] => {
  if (typeof value === 'string') return [value];
  if ('column' in value) return [value.column];
  if ('category' in value) return [value.category];
  if ('template' in value) return placeholders(value.template);
  return 'uuid' in value ? placeholders(value.uuid) : [];
};

/** Every column a mapping reads. */
export const columnsOf = (mapping: Mapping): Set<string> =>
  new Set([
    ...(mapping.unique === undefined ? [] : [mapping.unique]),
    ...mapping.events.flatMap(({ when }) => (when === undefined ? [] : [when])),
    ...valuesOf(mapping).flatMap(columnsOfValue),
  ]);
