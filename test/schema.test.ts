import { expect, onTestFinished, test } from 'vitest';
import { createDatabase as connect, type Row } from '../src/db/database.ts';
import documented from './schema.json' with { type: 'json' };
import { createDatabase } from './support/database.ts';

interface Table {
  columns: { name: string; type: string; nullable: boolean; default: string | null }[];
  foreign_keys: { column: string; references: string }[];
  indexes: { name: string; unique: boolean; columns: string[] }[];
}

const tables = Object.entries(documented as Record<string, Table>);

/** What the documents' type names stand for; `ARRAY` leaves out of what, see `elementTypes`. */
const types: Record<string, string> = {
  BIGINT: 'bigint',
  BOOLEAN: 'boolean',
  INTEGER: 'integer',
  JSON: 'json',
  NUMERIC: 'numeric',
  'NUMERIC(10, 2)': 'numeric(10,2)',
  'NUMERIC(3, 1)': 'numeric(3,1)',
  'NUMERIC(5, 2)': 'numeric(5,2)',
  TEXT: 'text',
  TIMESTAMP: 'timestamp with time zone',
  UUID: 'uuid',
  VARCHAR: 'character varying',
};

const elementTypes: Record<string, string> = {
  'products.tags': 'character varying',
  'recommendation_logs.candidate_products': 'uuid',
};

const predicates: Record<string, string> = {
  idx_interactions_user_purchases: "((event_type)::text = 'purchase'::text)",
};

/** What the migrations have beyond the documents; the reasons stand there. */
const added: Record<string, Table['indexes']> = {
  ab_tests: [
    { name: 'ab_tests_test_name_user_id_key', unique: true, columns: ['test_name', 'user_id'] },
    { name: 'idx_ab_tests_user_id', unique: false, columns: ['user_id'] },
  ],
  categories: [{ name: 'idx_categories_parent_id', unique: false, columns: ['parent_id'] }],
  embeddings_meta: [
    {
      name: 'embeddings_meta_object_type_object_id_key',
      unique: true,
      columns: ['object_type', 'object_id'],
    },
  ],
  product_images: [{ name: 'idx_product_images_product_id', unique: false, columns: ['product_id'] }],
  products: [{ name: 'idx_products_category_id', unique: false, columns: ['category_id'] }],
  recommendation_logs: [
    { name: 'idx_recommendation_logs_returned_at', unique: false, columns: ['returned_at'] },
    { name: 'idx_recommendation_logs_user_returned', unique: false, columns: ['user_id', 'returned_at'] },
  ],
  review_helpful_votes: [{ name: 'idx_review_helpful_votes_user_id', unique: false, columns: ['user_id'] }],
  sessions: [{ name: 'idx_sessions_user_id', unique: false, columns: ['user_id'] }],
  system_audit: [
    {
      name: 'idx_system_audit_listed',
      unique: false,
      columns: ['created_at', 'id', 'component', 'severity'],
    },
  ],
};

const setup = async () => {
  const { url, drop } = await createDatabase({ template: 'migrated' });
  onTestFinished(drop);
  const db = connect(url, { poolSize: 1, queryTimeoutMs: 10_000 });
  onTestFinished(() => db.end());
  return { db, names: tables.map(([name]) => name) };
};

/** The rows of each table, without the table's name: `{ users: [{ name: 'user_id', … }, …], … }`. */
const byTable = (rows: Row[]) => {
  const grouped: Record<string, Row[]> = {};
  for (const { table, ...row } of rows) {
    grouped[String(table)] ??= [];
    grouped[String(table)]?.push(row);
  }
  return grouped;
};

const expected = (describe: (table: Table, name: string) => Row[]) =>
  Object.fromEntries(tables.map(([name, table]) => [name, describe(table, name)]));

const sorted = (rows: Row[]) => rows.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1));

test('every table has its documented columns, in order, and no others', async () => {
  const { db, names } = await setup();
  const rows = await db`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      not a.attnotnull as nullable, pg_get_expr(d.adbin, d.adrelid) as default
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname::text = any(${names}::text[])
    order by c.relname, a.attnum`;

  expect(tables).toHaveLength(15);
  expect(byTable(rows)).toEqual(
    expected(({ columns }, table) =>
      columns.map(({ name, type, ...rest }) => ({
        name,
        type: type === 'ARRAY' ? `${elementTypes[`${table}.${name}`]}[]` : types[type],
        ...rest,
      })),
    ),
  );
});

test('numbered ids own their sequences', async () => {
  const { db } = await setup();
  const numbered = tables.flatMap(([table, { columns }]) =>
    columns.filter((column) => column.default?.startsWith('nextval')).map(({ name }) => ({ table, name })),
  );
  const rows = await db`
    select t as table, c as name, pg_get_serial_sequence(t, c) as sequence
    from unnest(${numbered.map(({ table }) => table)}::text[], ${numbered.map(({ name }) => name)}::text[]) as n (t, c)`;

  expect(numbered).toHaveLength(10);
  expect(rows).toEqual(
    numbered.map(({ table, name }) => ({ table, name, sequence: `public.${table}_${name}_seq` })),
  );
});

test('every table has its primary key, unique and foreign keys, and no other constraint', async () => {
  const { db, names } = await setup();
  // PostgreSQL 18 lists "not null" as a constraint too ('n'); the columns were compared above.
  const rows = await db`
    select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as definition
    from pg_constraint
    where connamespace = 'public'::regnamespace and contype <> 'n' and conrelid::regclass::text = any(${names}::text[])
    order by conrelid::regclass::text, conname collate "C"`;

  expect(byTable(rows)).toEqual(
    expected(({ columns, foreign_keys, indexes }, table) =>
      sorted([
        { name: `${table}_pkey`, definition: `PRIMARY KEY (${columns[0]?.name})` },
        ...foreign_keys.map(({ column, references }) => ({
          name: `${table}_${column}_fkey`,
          definition: `FOREIGN KEY (${column}) REFERENCES ${references.replace('.', '(')})`,
        })),
        ...[...indexes, ...(added[table] ?? [])]
          .filter(({ unique }) => unique)
          .map((index) => ({ name: index.name, definition: `UNIQUE (${index.columns.join(', ')})` })),
      ]),
    ),
  );
});

test('every table has its documented indexes and those the migrations give reasons for', async () => {
  const { db, names } = await setup();
  const rows = await db`
    select tablename as table, indexname as name, indexdef as definition
    from pg_indexes where schemaname = 'public' and tablename::text = any(${names}::text[])
    order by tablename, indexname collate "C"`;

  expect(byTable(rows)).toEqual(
    expected(({ columns, indexes }, table) => {
      const primary = { name: `${table}_pkey`, unique: true, columns: [columns[0]?.name] };
      return sorted(
        [primary, ...indexes, ...(added[table] ?? [])].map(({ name, unique, columns }) => {
          const kind = unique ? 'UNIQUE INDEX' : 'INDEX';
          const where = predicates[name] ? ` WHERE ${predicates[name]}` : '';
          const definition = `CREATE ${kind} ${name} ON public.${table} USING btree (${columns.join(', ')})${where}`;
          return { name, definition };
        }),
      );
    }),
  );
});
