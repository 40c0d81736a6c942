/** Milliseconds. */
export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** How many days of history the shop has. */
export const historyDays = 90;

/** RFC 3339 at UTC, as every time of the shop is written. */
export const toTime = (ms: number): string => new Date(ms).toISOString();
