import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CommandError, oneLine, UsageError } from './failure.ts';

/** One event as text, and the line of the file it came from (the first is 1). */
export interface SourceLine {
  line: number;
  text: Buffer;
}

/** A piece of a file, sent as one request. */
export interface Chunk {
  body: Buffer;
  /** The file's line for each line of the body. */
  lines: number[];
  /** The same for a file that is the same up to the end of this piece, so that a repeat has no second effect. */
  idempotencyKey: string;
}

export interface Source {
  name: string;
  /** 0 when unknown. */
  bytes: number;
  bytesRead(): number;
  content: Readable;
}

/**
 * Open a file, or stdin for `-`; what is gzip inside is unpacked, whatever its name.
 * @throws UsageError when it cannot be opened.
 */
export const openSource = async (file: string): Promise<Source> => {
  const fromStdin = file === '-';
  const name = fromStdin ? 'stdin' : file;
  const bytes = fromStdin ? 0 : await sizeOf(file);
  let bytesRead = 0;
  const pieces = (async function* () {
    for await (const piece of fromStdin ? process.stdin : createReadStream(file)) {
      bytesRead += piece.length;
      yield piece as Buffer;
    }
  })();
  const first = await pieces.next();
  const start = first.done ? Buffer.alloc(0) : first.value;
  const rejoined = (async function* () {
    yield start;
    yield* pieces;
  })();
  const plain = Readable.from(rejoined, { objectMode: false });
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  // An error of either is the reader's to meet.
  const content = isGzip ? pipeline(plain, createGunzip(), () => {}) : plain;
  return { name, bytes, bytesRead: () => bytesRead, content };
};

const sizeOf = async (file: string): Promise<number> => {
  const found = await stat(file).catch((error: unknown) => {
    throw new UsageError(`cannot read ${file}: ${oneLine(error)}`);
  });
  if (!found.isFile()) throw new UsageError(`${file} is not a file`);
  return found.size;
};

const newline = 0x0a;
const byteOrderMark = Buffer.from('\uFEFF');
const maxLineBytes = 8 * 1024 * 1024;

const isBlank = (text: Buffer): boolean =>
  text.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);

/**
 * The lines of a text that are not blank, as bytes: whether they are UTF-8 or JSON is the server's to judge. Only a line
 * feed ends a line (readline also splits at U+2028, which JSON may hold).
 * @throws CommandError for a line so long that the file cannot be NDJSON.
 */
export async function* ndjsonLines(input: AsyncIterable<Buffer>): AsyncGenerator<SourceLine> {
  let line = 1;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  const finish = (rest: Buffer): Buffer => {
    const text = begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
    begun = [];
    begunBytes = 0;
    return line === 1 && text.subarray(0, 3).equals(byteOrderMark) ? text.subarray(3) : text;
  };
  for await (const piece of input) {
    let from = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, from)) {
      const text = finish(piece.subarray(from, end));
      if (!isBlank(text)) yield { line, text };
      line += 1;
      from = end + 1;
    }
    if (from === piece.length) continue;
    begun.push(piece.subarray(from));
    begunBytes += piece.length - from;
    if (begunBytes > maxLineBytes)
      throw new CommandError(`line ${line} is longer than ${maxLineBytes} bytes; is this NDJSON?`);
  }
  const text = finish(Buffer.alloc(0));
  if (!isBlank(text)) yield { line, text };
}

/**
 * Sizes of a request. Changing either changes which lines share an idempotency key, so that a file that was imported
 * before would count again; then change the version in the key too.
 */
const chunkLines = 5_000;
const chunkBytes = 4 * 1024 * 1024;

/** Lines put together into requests, in order. */
export async function* chunked(source: AsyncIterable<SourceLine>): AsyncGenerator<Chunk> {
  const hash = createHash('sha256');
  let texts: Buffer[] = [];
  let lines: number[] = [];
  let bytes = 0;
  let sent = 0;
  const close = (): Chunk => {
    const body = Buffer.concat(texts);
    hash.update(body);
    // Of all up to here, not of this piece alone: equal pieces at different places are different events.
    const idempotencyKey = `zyra-import-1-${sent}-${hash.copy().digest('hex')}`;
    const chunk = { body, lines, idempotencyKey };
    sent += lines.length;
    texts = [];
    lines = [];
    bytes = 0;
    return chunk;
  };
  for await (const { line, text } of source) {
    texts.push(text, lineFeed);
    lines.push(line);
    bytes += text.length + 1;
    if (lines.length === chunkLines || bytes >= chunkBytes) yield close();
  }
  if (lines.length > 0) yield close();
}

const lineFeed = Buffer.from('\n');
