import type { Db, Fragment } from './database.ts';

export interface Page {
  /** Whose list. A merged visitor's id is taken for the person's. */
  userId: string;
  /** The last line of the page before: its time and its number. */
  after: { at: string; id: number } | undefined;
  limit: number;
}

/** A row of a list of somebody's own: the user alone, when the page is empty. */
export type OwnedLine<Line> = Line & { user_id: string; id: number | null };

/** Lines of a person's list with their numbers, and whose they are; undefined when there is no such user. */
export type OwnLines<Line> = { user_id: string; lines: (Line & { id: number })[] } | undefined;

/** The lines among rows that a left join from the user gave. */
export const ownLines = <Line>(rows: OwnedLine<Line>[]): OwnLines<Line> => {
  const [first] = rows;
  if (!first) return undefined;
  const lines = rows.filter((row): row is OwnedLine<Line> & { id: number } => row.id !== null);
  return {
    user_id: first.user_id,
    lines: lines.map(({ user_id: _, ...line }) => line as unknown as Line & { id: number }),
  };
};

/** The condition that a line comes after the page before, in a list that is newest first by `column`. */
export const before = (db: Db, column: Fragment, after: Page['after']): Fragment =>
  after ? db.fragment`(${column}, id) < (${after.at}::timestamptz, ${after.id}::bigint)` : db.fragment`true`;
