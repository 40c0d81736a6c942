import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Command } from 'commander';
import { v5 as uuidv5 } from 'uuid';
import type { Db } from '../db/database.ts';
import { type ExportedRow, estimateRows, type TableExport, tableExports } from '../db/export.ts';
import { withDatabase } from './connection.ts';
import { UsageError } from './failure.ts';
import { showProgress } from './progress.ts';

interface ExportOptions {
  types?: string;
  out: string;
  database?: string;
  json?: boolean;
}

const pageRows = 2_000;

/** Of the ids that exported events get where the table does not have one. */
const exportNamespace = 'd6f3a1de-3a57-5d0c-8f5e-1b6d0a5c7e42';

export const exportCommand = (): Command =>
  new Command('export')
    .description('write what is in the database as NDJSON that `zyra import` takes')
    .option('--types <list>', `of these, comma-separated: ${typeNames.join(', ')} (default: all)`)
    .option('--out <file>', 'where to; .gz at its end packs it; - is stdout', '-')
    .option('--database <url>', 'address of PostgreSQL (default: the running `npm start`, else DATABASE_URL)')
    .option('--json', 'print the counts as JSON (to stderr, when the events go to stdout)')
    .addHelpText(
      'after',
      `
For moving to another, empty system: importing the file there twice has the effect of once. Interactions and purchases
do not keep the ids they were sent with, so importing them into the system they came from would count them again.
Rows written meanwhile may be missed. Passwords' hashes are never exported; the rest is personal data, so the file is
made readable by its owner only.`,
    )
    .action(exportEvents);

const typeNames = [...new Set(tableExports.map(({ type }) => type))];

const choose = (list: string | undefined): readonly TableExport[] => {
  if (list === undefined) return tableExports;
  const wanted = list.split(',').map((type) => type.trim());
  const unknown = wanted.filter((type) => !typeNames.includes(type));
  if (unknown.length > 0)
    throw new UsageError(`unknown type ${unknown.join(', ')}; there are ${typeNames.join(', ')}`);
  return tableExports.filter(({ type }) => wanted.includes(type));
};

const exportEvents = async (options: ExportOptions): Promise<void> => {
  const chosen = choose(options.types);
  const counts: Record<string, number> = {};
  await withDatabase({ database: options.database, queryTimeoutMs: 60_000 }, async (db) => {
    const total = await estimateRows(db, [...new Set(chosen.map(({ table }) => table))]);
    const progress = showProgress('export', { total, quiet: options.json === true });
    let done = 0;
    const onRows = (type: string, events: number) => {
      counts[type] = (counts[type] ?? 0) + events;
      done += events;
      progress.update(done, `${done} events`);
    };
    try {
      await write(Readable.from(exportLines(db, chosen, onRows)), options.out);
    } finally {
      progress.end();
    }
  });
  const summary = options.json
    ? JSON.stringify({ out: options.out, events: counts })
    : Object.entries(counts)
        .map(([type, events]) => `${type} ${events}`)
        .join(', ') || 'nothing to export';
  (options.out === '-' ? process.stderr : process.stdout).write(`${summary}\n`);
};

/** Pages of finished lines; one page at a time is in memory. */
export async function* exportLines(
  db: Db,
  exports: readonly TableExport[],
  onRows: (type: string, events: number) => void,
): AsyncGenerator<string> {
  for (const { type, table, page } of exports) {
    let after: string | number | undefined;
    for (;;) {
      const found = await page(db, after, pageRows);
      if (found.length === 0) break;
      after = found[found.length - 1]?.cursor;
      onRows(type, found.length);
      yield found.map((row) => `${JSON.stringify(toEvent(type, table, row))}\n`).join('');
    }
  }
}

/** Kinds of which each event adds a row: only their id tells a repeat. The others are put in the place of what is there. */
const added = new Set(['interaction', 'purchase']);

const toEvent = (type: string, table: string, { cursor, fields }: ExportedRow): Record<string, unknown> => {
  const given = Object.entries(fields).filter(([, value]) => value !== null);
  // The time as well: row numbers of two systems are the same.
  const name = JSON.stringify([table, cursor, fields.created_at ?? fields.purchased_at]);
  const id = added.has(type) ? { event_id: uuidv5(name, exportNamespace) } : {};
  return { type, ...id, ...Object.fromEntries(given) };
};

/** A file appears under its name only when it is complete. */
const write = async (lines: Readable, out: string): Promise<void> => {
  const packer = out.endsWith('.gz') ? createGzip() : new PassThrough();
  if (out === '-') {
    // Ending stdout is not ours to do, and whoever read it may have had enough.
    return pipeline(lines, packer, process.stdout, { end: false }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const draft = `${out}.part`;
  try {
    await pipeline(lines, packer, createWriteStream(draft, { mode: 0o600 }));
    await rename(draft, out);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
};
