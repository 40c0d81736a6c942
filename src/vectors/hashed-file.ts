import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

const sliceBytes = 4 << 20;

/** What is known of a file once it is whole and on the disk. */
export interface WrittenFile {
  bytes: number;
  sha256: string;
}

/**
 * Write a new file piece by piece, hashed on the way and synced at its end. Synchronous: for threads of their own. When
 * `pieces` throws, an unfinished file stays behind.
 */
export const writeHashedFile = (path: string, pieces: Iterable<ArrayBufferView>): WrittenFile => {
  const file = openSync(path, 'wx');
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for (const piece of pieces) {
      const all = new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
      for (let start = 0; start < all.length; start += sliceBytes) {
        const slice = all.subarray(start, start + sliceBytes);
        hash.update(slice);
        for (let done = 0; done < slice.length; ) done += writeSync(file, slice, done);
      }
      bytes += all.length;
    }
    fsyncSync(file);
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(file);
  }
};
