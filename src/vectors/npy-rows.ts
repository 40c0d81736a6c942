/** What comes before the length of the header, and that length. */
const fixed = 10;

/** Where the values of a `.npy` file (format 1.0) begin, told by its first ten bytes. */
export const npyStart = (beginning: Buffer): number => fixed + beginning.readUInt16LE(8);

/** The values of a `.npy` file that was read whole. */
export const npyRows = (file: Buffer): Buffer => file.subarray(npyStart(file));
