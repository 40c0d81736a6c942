import type { Entry } from './scenario.ts';

const show = (value: number | null): string => {
  if (value === null) return '–';
  return Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(value);
};

/** Each column as wide as its longest cell, the first to the left, figures to the right. */
const align = (rows: readonly string[][]): string[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
};

/** The figures as a table for a terminal. */
export const tableOf = (entries: readonly Entry[]): string =>
  align([
    ['name', 'unit', 'ours', 'rival', 'limit', 'ratio', 'least', 'most', 'rounds'],
    ...entries.map(({ name, unit, ours, rival, limit, ratio, spread, rounds }) => [
      ...[name, unit, show(ours), show(rival), show(limit), show(ratio)],
      ...[show(spread?.[0] ?? null), show(spread?.[1] ?? null), String(rounds)],
    ]),
  ]).join('\n');

/** Whether an aim was met, in a line. */
export const verdictOf = (entry: Entry): string => {
  const { name, unit, aim, of, want, met, error } = entry;
  const asked = `${of === 'ratio' ? 'ratio' : unit} ${want === '>=' ? 'at least' : 'at most'} ${show(aim)}`;
  const reached = error === undefined ? `is ${show(entry[of])}` : `failed: ${error.split('\n')[0]}`;
  return `${met ? 'met    ' : 'NOT MET'}  ${name}: ${asked}, ${reached}`;
};
