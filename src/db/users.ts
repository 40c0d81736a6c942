import type { Db } from './database.ts';

/** Whether there is such a user, stubs included. */
export const userExists = async (db: Db, userId: string): Promise<boolean> => {
  const found = await db`select 1 as found from users where user_id = ${userId}`;
  return found.length > 0;
};
