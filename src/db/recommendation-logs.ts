import type { Db } from './database.ts';

/** An answer as it is logged. */
export interface AnswerRow {
  /** Who asked; need not be known. */
  user_id: string;
  session_id?: string | undefined;
  products: readonly string[];
  returned_at: string;
  /** What the answer was made from. Nothing that names the person: it stays where the user is not known. */
  context: Readonly<Record<string, unknown>>;
  experiment?: { test_name: string; run: number; cohort: string } | undefined;
}

/**
 * Write answers into `recommendation_logs`; a batch that is there already is not written again.
 * @returns how many were written: those to erased persons are not.
 */
export const insertAnswers = async (
  db: Db,
  batch: string,
  answers: readonly AnswerRow[],
  pepper: Buffer,
): Promise<number> => {
  const [row] = await db<{ logged: number }>`
    select log_answers(${batch}, ${JSON.stringify(answers)}::text::jsonb, ${pepper}) as logged`;
  return row?.logged ?? 0;
};
