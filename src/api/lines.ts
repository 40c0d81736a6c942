import { isUtf8 } from 'node:buffer';

/** A line of the input; `text` is undefined when the line cannot be read, and `problem` says why. */
export interface Line {
  /** From 1, empty lines included, as editors count. */
  number: number;
  text?: string;
  problem?: string;
}

export interface LineSplitter {
  /** The lines that are complete with this chunk; empty ones are left out. */
  push(chunk: Buffer): Line[];
  /** The last line, when it did not end in a line feed. */
  end(): Line[];
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Cuts a stream of octets into lines of UTF-8, at LF or CRLF, wherever the chunks are cut. Holds at most `maxBytes` of
 * an unfinished line: a longer one is skipped to its end and reported, the others are not affected.
 */
export const createLineSplitter = (maxBytes: number): LineSplitter => {
  let number = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let tooLong = false;

  const hold = (part: Buffer) => {
    if (tooLong || part.length === 0) return;
    heldBytes += part.length;
    tooLong = heldBytes > maxBytes;
    if (tooLong) held = [];
    else held.push(part);
  };

  const close = (): Line | undefined => {
    number += 1;
    const [first, second] = held;
    let bytes = second ? Buffer.concat(held) : first;
    const overlong = tooLong;
    held = [];
    heldBytes = 0;
    tooLong = false;
    if (overlong) return { number, problem: `is longer than ${maxBytes} bytes` };
    if (bytes?.at(-1) === carriageReturn) bytes = bytes.subarray(0, -1);
    if (!bytes || bytes.length === 0) return undefined;
    if (!isUtf8(bytes)) return { number, problem: 'is not valid UTF-8' };
    return { number, text: bytes.toString('utf8') };
  };

  /** End the line here that has these octets last. */
  const finish = (octets: Buffer, lines: Line[]): void => {
    hold(octets);
    const line = close();
    if (line) lines.push(line);
  };

  /** Lines that lie in one chunk, each ended but the last. */
  const split = (octets: Buffer, lines: Line[]): void => {
    // Read as one text they take a third of the time. A bad or a long line is looked for one by one.
    if (octets.length <= maxBytes && isUtf8(octets)) {
      for (const text of octets.toString('utf8').split('\n')) {
        number += 1;
        const own = text.endsWith('\r') ? text.slice(0, -1) : text;
        if (own !== '') lines.push({ number, text: own });
      }
      return;
    }
    let from = 0;
    for (let at = octets.indexOf(lineFeed); at >= 0; at = octets.indexOf(lineFeed, from)) {
      finish(octets.subarray(from, at), lines);
      from = at + 1;
    }
    finish(octets.subarray(from), lines);
  };

  return {
    push(chunk) {
      const lines: Line[] = [];
      const last = chunk.lastIndexOf(lineFeed);
      let from = 0;
      if (heldBytes > 0 && last >= 0) {
        const at = chunk.indexOf(lineFeed);
        finish(chunk.subarray(0, at), lines);
        from = at + 1;
      }
      if (from <= last) split(chunk.subarray(from, last), lines);
      // What is held outlives this call, and the chunk's memory may be used again.
      hold(Buffer.from(chunk.subarray(last + 1)));
      return lines;
    },
    end() {
      if (heldBytes === 0) return [];
      const line = close();
      return line ? [line] : [];
    },
  };
};
