import { z } from 'zod';

/** An opaque place in a list: callers hand it back, nothing else. */
export const encodeCursor = (position: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

const decode = (cursor: string): unknown => {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
};

/** A query parameter that holds a cursor; comes out as the position that went in. One we did not make is invalid. */
export const cursor = <Position extends z.ZodType>(position: Position) =>
  z
    .string()
    .max(512)
    .transform((given, context): z.output<Position> => {
      const parsed = position.safeParse(decode(given));
      if (parsed.success) return parsed.data;
      context.addIssue({ code: 'custom', message: 'is not a cursor of this list' });
      return z.NEVER;
    })
    .meta({ description: '`next_cursor` of the page before.' });

/** How many items a page holds. */
export const limit = (most: number, usual: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .max(most)
    .default(usual)
    .meta({ override: { type: 'integer', minimum: 1, maximum: most, default: usual } });
