import type { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { RowError } from './csv-cells.ts';
import { createRowMapper, type Row } from './csv-events.ts';
import { columnsOf, type Mapping } from './csv-mapping.ts';
import { UsageError } from './failure.ts';
import type { SourceLine } from './import-lines.ts';

/**
 * The events of a CSV file with a header, as lines under the number of the row's last line in the file. A row that
 * cannot be read, or not by the mapping, is handed to `reject` and the others go on.
 * @throws UsageError when the mapping names a column the file does not have.
 */
export async function* csvLines(
  input: Readable,
  mapping: Mapping,
  reject: (line: number, message: string) => void,
): AsyncGenerator<SourceLine> {
  const parser = parse({
    bom: true,
    delimiter: mapping.delimiter,
    info: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    columns: (header: string[]) => {
      const names = header.map((name) => name.trim());
      const missing = [...columnsOf(mapping)].filter((column) => !names.includes(column));
      if (missing.length > 0)
        throw new UsageError(`the file has no column ${missing.join(', ')}; it has ${names.join(', ')}`);
      return names;
    },
  });
  parser.on('skip', (error: CsvError) => reject(Number(error.lines ?? 0), error.message));
  input.on('error', (error) => parser.destroy(error));
  const toEvents = createRowMapper(mapping);
  try {
    for await (const { record, info } of input.pipe(parser) as AsyncIterable<Parsed>) {
      try {
        for (const event of toEvents(record))
          yield { line: info.lines, text: Buffer.from(JSON.stringify(event)) };
      } catch (error) {
        if (!(error instanceof RowError)) throw error;
        reject(info.lines, error.message);
      }
    }
  } finally {
    input.destroy();
  }
}

interface Parsed {
  record: Row;
  info: { lines: number };
}
