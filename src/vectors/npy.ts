/** NumPy's names for what our arrays hold: float32, uint32, and 36 ASCII characters (a UUID). */
export type NpyType = '<f4' | '<u4' | '|S36';

const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
const alignment = 64;

const describe = (type: NpyType, shape: readonly number[]) =>
  `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;

/** What stands before the values in a `.npy` file, format 1.0, C order: byte for byte as NumPy writes it. */
export const npyHeader = (type: NpyType, shape: readonly number[]): Buffer => {
  const words = describe(type, shape);
  const fixed = magic.length + 2;
  // NumPy leaves room for the first dimension to grow to 21 digits in place.
  const room = words.length + 21 - String(shape[0]).length;
  const total = Math.ceil((fixed + room + 1) / alignment) * alignment;
  const header = Buffer.alloc(total, ' ');
  magic.copy(header);
  header.writeUInt16LE(total - fixed, magic.length);
  header.write(words, fixed, 'latin1');
  header.write('\n', total - 1, 'latin1');
  return header;
};

/** The UUIDs of 16 bytes each as the text that a `|S36` array holds. */
export const uuidTexts = (ids: Uint8Array): Buffer => {
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString('latin1');
  const texts = Buffer.alloc((ids.length / 16) * 36);
  for (let row = 0; row * 16 < ids.length; row += 1) {
    const digits = Buffer.from(hex.slice(row * 16, row * 16 + 16), 'latin1').toString('hex');
    const parts = [
      digits.slice(0, 8),
      digits.slice(8, 12),
      digits.slice(12, 16),
      digits.slice(16, 20),
      digits.slice(20),
    ];
    texts.write(parts.join('-'), row * 36, 'latin1');
  }
  return texts;
};
