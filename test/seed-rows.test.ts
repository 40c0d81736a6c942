import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import documented from './schema.json' with { type: 'json' };
import seedRows from './seed-rows.json' with { type: 'json' };
import { createDatabase } from './support/database.ts';

type Row = Record<string, unknown>;

const samples: Record<string, Row[]> = seedRows;
const schema: Record<
  string,
  { columns: { name: string }[]; foreign_keys: { column: string; references: string }[] }
> = documented;

/** Tables that others point at come first. */
const inOrder = [...new Set(['users', 'categories', 'products', ...Object.keys(samples)])];

const stubs: Record<string, (id: unknown) => Row> = {
  users: (user_id) => ({ user_id, is_anonymous: true, is_active: true }),
  categories: (category_id) => ({ category_id, name: 'stub', slug: `stub-${category_id}` }),
  products: (product_id) => ({ product_id, name: 'stub' }),
};

/** The rows that sample rows point at and that are not among the samples themselves. */
const missingParents = (table: string): Row[] => {
  const ids = new Set<unknown>();
  for (const [child, rows] of Object.entries(samples))
    for (const { column, references } of schema[child]?.foreign_keys ?? [])
      if (references.startsWith(`${table}.`)) for (const row of rows) ids.add(row[column]);
  for (const row of samples[table] ?? []) ids.delete(row[keyOf(table)]);
  ids.delete(null);
  return [...ids].map((id) => stubs[table]?.(id) ?? {});
};

const columnsOf = (table: string) => schema[table]?.columns.map(({ name }) => name) ?? [];
const keyOf = (table: string) => columnsOf(table)[0] ?? '';

/** A time as PostgreSQL writes it: without the zeros at the end of its microseconds. */
const asWritten = (value: unknown) =>
  typeof value === 'string' ? value.replace(/(\.\d*?)0+(?=\+05:30$)/, '$1') : value;

test('every documented sample row is stored and read back as it was', async () => {
  const { url, drop } = await createDatabase({ template: 'migrated' });
  onTestFinished(drop);
  const sql = postgres(url, {
    max: 1,
    // The samples were written in this zone. Times stay text: a Date would cut their microseconds.
    connection: { TimeZone: 'Asia/Kolkata' },
    types: {
      time: { to: 1184, from: [1184], serialize: (time: string) => time, parse: (time: string) => time },
    },
  });
  onTestFinished(() => sql.end());

  const insert = (table: string, row: Row) => sql`
    insert into ${sql(table)} (${sql(Object.keys(row))})
    select ${sql(Object.keys(row))} from json_populate_record(null::${sql(table)}, ${JSON.stringify(row)}::text::json)`;
  for (const table of inOrder)
    for (const row of [...missingParents(table), ...(samples[table] ?? [])]) await insert(table, row);

  expect(Object.values(samples).flat()).toHaveLength(51);
  for (const [table, rows] of Object.entries(samples))
    for (const row of rows) {
      const [stored] = await sql`
        select ${sql(columnsOf(table))} from ${sql(table)} where ${sql(keyOf(table))} = ${row[keyOf(table)] as string}`;
      const sample = Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, asWritten(cell)]));
      expect(stored, `${table} ${row[keyOf(table)]}`).toEqual(sample);
    }
});
