import type { z } from 'zod';

/** Deeper than any value that a schema of ours takes. */
const maxDepth = 64;

const withoutLengths = (value: unknown, depth = 0): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return null;
  if (Array.isArray(value)) return value.map((item) => withoutLengths(item, depth + 1));
  const entries = Object.entries(value).filter(([key]) => key !== 'length');
  return Object.fromEntries(entries.map(([key, child]) => [key, withoutLengths(child, depth + 1)]));
};

/**
 * `safeParse` of what a caller sent, that throws for nothing a caller can send: zod asks how long a value is before it
 * asks whether that is a text, and `{"length": {"toString": 1}}` compares with no number.
 */
export const validate = <Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.ZodSafeParseResult<z.output<Schema>> => {
  try {
    return schema.safeParse(value);
  } catch (error) {
    const found = schema.safeParse(withoutLengths(value));
    // Then something else is wrong, and with us.
    if (found.success) throw error;
    return found;
  }
};
